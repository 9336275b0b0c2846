/** Acknowledgements to send: one for all tags up to `upTo`, and single ones. */
export interface AckFrames {
  readonly upTo: { readonly tag: number; readonly isMultiple: boolean } | null
  readonly single: readonly number[]
}

const nothing: AckFrames = { upTo: null, single: [] }

/**
 * Book-keeping of one channel's delivery tags, so that a run of acks costs one frame with `multiple` instead of one
 * each. `multiple` covers every tag up to its own, so it is used only up to `#floor`: the tag below which nothing is
 * open. Tags are handed out by the broker as 1, 2, 3 …; each is settled once.
 */
export class AckLedger {
  /** All tags up to this one are settled on the broker. */
  #floor = 0
  /** Settled on the broker, above the floor. */
  readonly #settled = new Set<number>()
  /** Acked by the consumer, not sent yet. */
  #pending: number[] = []
  #delivered = 0
  #done = 0

  /** Deliveries that the consumer has neither acked nor given back. */
  get open(): number {
    return this.#delivered - this.#done
  }

  deliver(): void {
    this.#delivered++
  }

  ack(tag: number): void {
    this.#done++
    this.#pending.push(tag)
  }

  /** The tag was settled by a frame of its own (requeue, reject). */
  settle(tag: number): void {
    this.#done++
    this.#markSettled(tag)
  }

  /** Takes what is to be sent now. */
  flush(): AckFrames {
    if (this.#pending.length === 0) return nothing
    const tags = this.#pending.sort((a, b) => a - b)
    this.#pending = []
    const single: number[] = []
    let highest = 0
    let covered = 0
    for (const tag of tags) {
      if (tag === this.#floor + 1) {
        highest = tag
        covered++
      } else single.push(tag)
      this.#markSettled(tag)
    }
    return { upTo: covered === 0 ? null : { tag: highest, isMultiple: covered > 1 }, single }
  }

  #markSettled(tag: number): void {
    if (tag !== this.#floor + 1) {
      this.#settled.add(tag)
      return
    }
    this.#floor = tag
    while (this.#settled.size > 0 && this.#settled.delete(this.#floor + 1)) this.#floor++
  }
}
