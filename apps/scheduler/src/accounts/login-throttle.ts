import { isIPv6 } from 'node:net'
import { AppError, type Clock, type Instant } from '@celeriac/core'

interface Limit {
  /** Failures that cost nothing: people mistype. */
  readonly free: number
  /** Longest time to wait for the next try. */
  readonly maxMs: number
}

/** Short, so that nobody can keep a user out for long by guessing; the addresses of the guesser wait longer. */
const perUser: Limit = { free: 5, maxMs: 60_000 }
/** Generous: many people may share an address. */
const perAddress: Limit = { free: 20, maxMs: 15 * 60_000 }
/** Without a failure for so long, a name or address begins anew. */
const forgetMs = 60 * 60_000
const mostKeys = 10_000

interface Failures {
  count: number
  lastAt: Instant
}

/**
 * Slows down whoever guesses passwords: after some failures each further try of a name, or from an address, has to wait
 * twice as long. A try counts as a failure from its beginning, so that many at once do not slip through.
 *
 * In memory, of this process: n schedulers let n times as many tries pass, which is still far too few to guess by, and a
 * flood of guesses writes nothing to the database. What is kept is bounded; the keys that were quiet for longest go first.
 */
export class LoginThrottle {
  readonly #clock: Clock
  readonly #failures = new Map<string, Failures>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Counts a try. Throws AUTH_THROTTLED, with the time to wait, and then counts nothing. */
  begin(username: string | null, address: string): void {
    const keys = keysOf(username, address)
    const waits = keys.map(([key, limit]) => this.#waitMs(key, limit))
    const waitMs = Math.max(...waits)
    if (waitMs > 0)
      throw new AppError('AUTH_THROTTLED', 'too many logins have failed; try again later', {
        details: { retry_after_s: Math.ceil(waitMs / 1_000) },
      })
    for (const [key] of keys) this.#add(key)
  }

  /**
   * The try was none: the password was right. The name begins anew, the address only has its try back: else who has one
   * account could guess at all others.
   */
  succeeded(username: string, address: string): void {
    this.#failures.delete(userKey(username))
    this.abandoned(null, address)
  }

  /** The try came to nothing, such as for the want of the database: it does not count. */
  abandoned(username: string | null, address: string): void {
    for (const [key] of keysOf(username, address)) {
      const failures = this.#failures.get(key)
      if (failures === undefined) continue
      if (failures.count <= 1) this.#failures.delete(key)
      else failures.count -= 1
    }
  }

  get size(): number {
    return this.#failures.size
  }

  #waitMs(key: string, { free, maxMs }: Limit): number {
    const failures = this.#failures.get(key)
    const now = this.#clock.now()
    if (failures === undefined || now - failures.lastAt > forgetMs || failures.count < free) return 0
    const backOffMs = Math.min(1_000 * 2 ** Math.min(failures.count - free, 30), maxMs)
    return Math.max(0, failures.lastAt + backOffMs - now)
  }

  #add(key: string): void {
    const now = this.#clock.now()
    const known = this.#failures.get(key)
    const count = known === undefined || now - known.lastAt > forgetMs ? 1 : known.count + 1
    // Taken out and put in again: the first of the map is the one that was quiet for longest.
    this.#failures.delete(key)
    this.#failures.set(key, { count, lastAt: now })
    const [oldest] = this.#failures.keys()
    if (this.#failures.size > mostKeys && oldest !== undefined) this.#failures.delete(oldest)
  }
}

const userKey = (username: string): string => `user ${username.toLowerCase().slice(0, 64)}`

const keysOf = (username: string | null, address: string): readonly (readonly [string, Limit])[] => [
  ...(username === null ? [] : [[userKey(username), perUser] as const]),
  [`address ${networkOf(address)}`, perAddress] as const,
]

/** Of IPv6 the /64: whoever has one address there has all of them. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address.replace('::ffff:', '')
  const [head = '', tail] = address.split('%')[0]?.split('::') ?? []
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0')
  return [...front, ...zeros, ...back].slice(0, 4).join(':')
}
