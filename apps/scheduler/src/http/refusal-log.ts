import type { Clock, ErrorCode, Instant } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'

/** An address that was quiet for so long begins anew. */
const forgetMs = 10 * 60_000
const mostAddresses = 1_000
/** Over all addresses; an attacker may have many. */
const mostLinesPerMinute = 60

export interface Refusal {
  readonly address: string
  readonly code: ErrorCode
  readonly requestId: string
}

/**
 * Says who was refused for the want of a token, in a log that nobody can flood: of one address the 1st, 10th, 100th …
 * refusal, with the count so far, and not more than 60 lines a minute in all.
 */
export class RefusalLog {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #addresses = new Map<string, { count: number; lastAt: Instant }>()
  #minute = { since: 0, lines: 0, unlogged: 0 }

  constructor({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#clock = clock
    this.#logger = logger
  }

  add({ address, code, requestId }: Refusal): void {
    const count = this.#count(address)
    if (!isPowerOfTen(count) || !this.#mayWrite()) return
    this.#logger.warn(
      { remote_address: address, code, request_id: requestId, refusals: count },
      'requests refused for the want of a valid token',
    )
  }

  #count(address: string): number {
    const now = this.#clock.now()
    const known = this.#addresses.get(address)
    const count = known === undefined || now - known.lastAt > forgetMs ? 1 : known.count + 1
    // Taken out and put in again: the first of the map is the one that was quiet for longest.
    this.#addresses.delete(address)
    this.#addresses.set(address, { count, lastAt: now })
    const [oldest] = this.#addresses.keys()
    if (this.#addresses.size > mostAddresses && oldest !== undefined) this.#addresses.delete(oldest)
    return count
  }

  #mayWrite(): boolean {
    const now = this.#clock.now()
    if (now - this.#minute.since >= 60_000) {
      const { unlogged } = this.#minute
      this.#minute = { since: now, lines: 0, unlogged: 0 }
      if (unlogged > 0)
        this.#logger.warn({ addresses: unlogged }, 'refused requests of more addresses were not logged')
    }
    if (this.#minute.lines < mostLinesPerMinute) {
      this.#minute.lines++
      return true
    }
    this.#minute.unlogged++
    return false
  }
}

const isPowerOfTen = (count: number): boolean => /^10*$/.test(String(count))
