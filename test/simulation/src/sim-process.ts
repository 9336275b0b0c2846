import type { Clock, Instant } from '@celeriac/core'
import { createSteadyClock, type SteadyClock } from '@celeriac/runtime'
import type { EventLoop, StepOwner } from './event-loop.ts'

/** What the clocks of all machines show when the simulation begins. */
export const epochMs = 1_700_000_000_000

/**
 * One life of a process on its machine: from its start until it is killed or ends. Its program gets time from `clock` only.
 * A machine's wall clock may be off and may jump; the delays of timers run evenly all the same, as in Node.js.
 */
export class SimProcess implements StepOwner {
  readonly name: string
  readonly #loop: EventLoop
  /** By how much the wall clock of its machine is off. */
  readonly #machine: { skewMs: number }
  isAlive = true
  frozenUntil = 0
  /** The machine's clock. */
  readonly clock: Clock
  /** The same without its jumps, as services use it. */
  readonly steadyClock: SteadyClock

  constructor(loop: EventLoop, name: string, machine: { skewMs: number } = { skewMs: 0 }) {
    this.name = name
    this.#loop = loop
    this.#machine = machine
    const after: Clock['after'] = (delayMs, action) => this.after(delayMs, 'timer', action)
    this.clock = { now: () => this.wallNow, after }
    const read = () => ({ wall: this.wallNow, monotonic: loop.now, uptime: loop.now })
    this.steadyClock = { ...createSteadyClock(read), after }
  }

  get wallNow(): Instant {
    return Math.floor(epochMs + this.#loop.now + this.#machine.skewMs)
  }

  /** A step of this process after this time. */
  after(delayMs: number, what: string, action: () => void): () => void {
    return this.#loop.after(delayMs, this, what, action)
  }

  /** Killed: nothing that it waits for happens any more. */
  kill(): void {
    this.isAlive = false
  }
}
