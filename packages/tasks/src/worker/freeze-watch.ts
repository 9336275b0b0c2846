import type { Clock, Instant } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'

const tickMs = 1_000
/** Longer between two ticks than a busy machine explains. */
const frozenAfterMs = 3_000
const askAgainMs = 200

export interface FreezeWatchOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** A round trip to the broker; rejects when the connection is gone. */
  readonly ask: () => Promise<unknown>
  /** The broker has answered: what was held back may go on. */
  readonly onThawed: () => void
  /** Every second. */
  readonly onTick: () => void
}

/**
 * Notices that the process was frozen: stopped (SIGSTOP), or its machine was. Whatever runs first after waking asks
 * `isFrozen` before it acts on what it knew: the connection may have ended meanwhile, and its end may lie in the socket
 * behind deliveries that others have long got. An answer of the broker comes behind all of that.
 */
export class FreezeWatch {
  readonly #options: FreezeWatchOptions
  #seenAt: Instant
  #isThawing = false
  #isStopped = false
  #cancelTick: () => void = () => {}
  #cancelAsk: () => void = () => {}

  constructor(options: FreezeWatchOptions) {
    this.#options = options
    this.#seenAt = options.clock.now()
  }

  start(): void {
    this.#seenAt = this.#options.clock.now()
    this.#schedule()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelTick()
    this.#cancelAsk()
  }

  /** The process was frozen, and has not heard from the broker since. */
  isFrozen(): boolean {
    const { clock, logger } = this.#options
    const now = clock.now()
    const sinceMs = now - this.#seenAt
    this.#seenAt = now
    if (sinceMs > frozenAfterMs && !this.#isThawing && !this.#isStopped) {
      logger.warn({ frozen_ms: sinceMs }, 'the process was frozen; the broker is asked before it goes on')
      this.#isThawing = true
      void this.#thaw()
    }
    return this.#isThawing
  }

  #schedule(): void {
    this.#cancelTick = this.#options.clock.after(tickMs, () => {
      this.isFrozen()
      this.#schedule()
      this.#options.onTick()
    })
  }

  async #thaw(): Promise<void> {
    const { ask, onThawed, clock } = this.#options
    try {
      await ask()
    } catch {
      if (!this.#isStopped) this.#cancelAsk = clock.after(askAgainMs, () => void this.#thaw())
      return
    }
    this.#isThawing = false
    onThawed()
  }
}
