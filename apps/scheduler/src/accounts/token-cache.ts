import type { Clock, Instant } from '@celeriac/core'
import type { Caller } from './caller.ts'

/**
 * How long a token is believed without asking the database: what another scheduler has ended is refused here after this
 * time at the latest. What this one ends, at once.
 */
export const believedMs = 5_000
const mostTokens = 10_000

/** Callers by the digest of their tokens, for a few seconds. */
export class TokenCache {
  readonly #clock: Clock
  readonly #callers = new Map<string, { readonly caller: Caller; readonly until: Instant }>()
  #generation = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Changes when tokens were ended: what was read before must not be kept after. */
  get generation(): number {
    return this.#generation
  }

  find(digest: string): Caller | null {
    const found = this.#callers.get(digest)
    if (found === undefined) return null
    const now = this.#clock.now()
    // A clock that was set back must not lengthen what was granted.
    if (now < found.until && found.until - now <= believedMs) return found.caller
    this.#callers.delete(digest)
    return null
  }

  keep(digest: string, caller: Caller, remainingMs: number | null, generation: number): void {
    if (generation !== this.#generation) return
    const until = this.#clock.now() + Math.min(believedMs, remainingMs ?? believedMs)
    this.#callers.delete(digest)
    this.#callers.set(digest, { caller, until })
    const [oldest] = this.#callers.keys()
    if (this.#callers.size > mostTokens && oldest !== undefined) this.#callers.delete(oldest)
  }

  clear(): void {
    this.#generation += 1
    this.#callers.clear()
  }
}
