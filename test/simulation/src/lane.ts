import type { EventLoop, StepOwner } from './event-loop.ts'

/** What travels one way in order: each step happens after the one that was sent before it. */
export class Lane {
  readonly #loop: EventLoop
  readonly #owner: StepOwner | null
  #lastAt = 0

  /** `owner`: whose steps these are; null on the way to a server. */
  constructor(loop: EventLoop, owner: StepOwner | null) {
    this.#loop = loop
    this.#owner = owner
  }

  send(delayMs: number, what: string, action: () => void): void {
    this.#lastAt = Math.max(this.#lastAt, this.#loop.now + delayMs)
    this.#loop.after(this.#lastAt - this.#loop.now, this.#owner, what, action)
  }
}
