import type { Clock, Instant } from '@celeriac/core'
import { WakeQueue, type DueWake } from './wake-queue.ts'

/** Hands out wakes when they are due: one timer, set for the earliest. */
export class WakeTimer {
  readonly #clock: Clock
  readonly #onDue: (wake: DueWake) => void
  readonly #wakes = new WakeQueue()
  /** What waits already: progress of a running attempt asks for the same deadline twice a second. */
  readonly #known = new Set<string>()
  #armedFor: Instant = Infinity
  #isStopped = false
  #cancelTimer: () => void = () => {}

  constructor(clock: Clock, onDue: (wake: DueWake) => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  /** Takes the wakes that are not null. */
  add(runId: string, wakes: readonly (Omit<DueWake, 'runId'> | null)[]): void {
    for (const wake of wakes) {
      if (wake === null) continue
      const due = { runId, at: wake.at, event: wake.event }
      const key = keyOf(due)
      if (this.#known.has(key)) continue
      this.#known.add(key)
      this.#wakes.add(due)
    }
    this.#arm()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelTimer()
  }

  #arm(): void {
    const at = this.#wakes.nextAt()
    if (at === null || at >= this.#armedFor || this.#isStopped) return
    this.#cancelTimer()
    this.#armedFor = at
    this.#cancelTimer = this.#clock.after(Math.max(0, at - this.#clock.now()), () => {
      this.#armedFor = Infinity
      for (const wake of this.#wakes.takeDue(this.#clock.now())) {
        this.#known.delete(keyOf(wake))
        this.#onDue(wake)
      }
      this.#arm()
    })
  }
}

const keyOf = ({ runId, at, event }: DueWake): string => `${runId} ${at} ${JSON.stringify(event)}`
