/** So many leave in one turn of the event loop: a few milliseconds' worth. */
const perTurn = 96

/**
 * Refusals on their way out, a few in each turn of the event loop. A flood of them would make the turns long, and the
 * answers to those that were accepted wait for the next turn. A connection whose refusal has not left yet sends nothing
 * new, so the flood is slowed down to what the service has to spare.
 */
export class OverloadQueue {
  #waiting: (() => void)[] = []
  #head = 0
  #isScheduled = false

  /** Does `send` soon: at the end of this turn, when there are few. */
  add(send: () => void): void {
    this.#waiting.push(send)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#sendSome()
    })
  }

  #sendSome(): void {
    const end = Math.min(this.#head + perTurn, this.#waiting.length)
    while (this.#head < end) this.#waiting[this.#head++]?.()
    if (this.#head < this.#waiting.length) this.#schedule()
    // What has left is let go of now and then, and not each time.
    if (this.#head === this.#waiting.length || this.#head > 1_024) {
      this.#waiting = this.#waiting.slice(this.#head)
      this.#head = 0
    }
  }
}
