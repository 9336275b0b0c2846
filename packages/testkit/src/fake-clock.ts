import type { Clock, Instant } from '@celeriac/core'

interface Timer {
  readonly dueAt: Instant
  readonly action: () => void
}

/** A clock that moves only when told to. Actions run in the order in which they are due, then in which they were set. */
export class FakeClock implements Clock {
  #now: Instant
  readonly #timers = new Set<Timer>()

  constructor(now: Instant = 1_700_000_000_000) {
    this.#now = now
  }

  now(): Instant {
    return this.#now
  }

  after(delayMs: number, action: () => void): () => void {
    const timer: Timer = { dueAt: this.#now + Math.max(0, delayMs), action }
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
    }
  }

  /** Moves the time on; runs what falls due on the way, each action at its own time, also what such actions set. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#timers.delete(timer)
      this.#now = Math.max(this.#now, timer.dueAt)
      timer.action()
    }
    this.#now = end
  }

  /** Timers that are set: 0 after a clean stop. */
  get pending(): number {
    return this.#timers.size
  }

  #next(end: Instant): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.dueAt <= end && (next === undefined || timer.dueAt < next.dueAt)) next = timer
    }
    return next
  }
}
