import type { Clock, Instant } from '@celeriac/core'
import type { DeliveryItem, EventItem, InboxItem, StrayItem } from './inbox-item.ts'

/**
 * What the engine has received and not committed yet: waiting, in the batch in progress, or put off because the database
 * or the broker could not be reached.
 */
export class Inbox {
  readonly #clock: Clock
  #waiting: InboxItem[] = []
  #inProgress: readonly InboxItem[] = []
  /** With the cancellation of its timer. */
  readonly #putOff = new Map<InboxItem, () => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Items that wait for a batch. */
  get size(): number {
    return this.#waiting.length
  }

  /** When the oldest of all was received; null when there is none. */
  get oldestAt(): Instant | null {
    let oldest: Instant | null = null
    for (const items of [this.#waiting, this.#inProgress, this.#putOff.keys()])
      for (const { receivedAt } of items) if (oldest === null || receivedAt < oldest) oldest = receivedAt
    return oldest
  }

  /** When the next one was received: the oldest, but for those put off. Costs nothing. */
  get nextAt(): Instant | null {
    return this.#waiting[0]?.receivedAt ?? null
  }

  /** Some were put off, so later ones may be processed before them. */
  get hasPutOff(): boolean {
    return this.#putOff.size > 0
  }

  add(item: DeliveryItem | EventItem | StrayItem): void {
    const receivedAt = this.#clock.now()
    // Member by member: a spread of items of several kinds is slow, and there are thousands a second.
    switch (item.kind) {
      case 'delivery': {
        const { kind, partition, delivery, term } = item
        this.#waiting.push({ kind, partition, delivery, term, receivedAt })
        return
      }
      case 'event': {
        const { kind, runId, event } = item
        this.#waiting.push({ kind, runId, event, receivedAt })
        return
      }
      case 'stray': {
        const { kind, runId, attemptId } = item
        this.#waiting.push({ kind, runId, attemptId, receivedAt })
      }
    }
  }

  /** The next batch. It is in progress until `settle`. */
  take(limit: number): readonly InboxItem[] {
    this.#inProgress = this.#waiting.splice(0, limit)
    return this.#inProgress
  }

  /** The batch in progress is committed, given back or put off. */
  settle(): void {
    this.#inProgress = []
  }

  /** The item waits again after this time; `onDue` is called then. */
  putOff(item: InboxItem, delayMs: number, onDue: () => void): void {
    const cancel = this.#clock.after(delayMs, () => {
      this.#putOff.delete(item)
      this.#waiting.push(item)
      onDue()
    })
    this.#putOff.set(item, cancel)
  }

  /** Waits again, without a timer. */
  hold(item: InboxItem): void {
    this.#waiting.push(item)
  }

  /** Takes everything that waits or is put off. */
  empty(): readonly InboxItem[] {
    for (const [item, cancel] of this.#putOff) {
      cancel()
      this.#waiting.push(item)
    }
    this.#putOff.clear()
    return this.#waiting.splice(0)
  }
}
