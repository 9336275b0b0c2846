import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto'
import { AppError } from '@celeriac/core'

export interface ScryptCost {
  /** Of two: N = 2^log2N. */
  readonly log2N: number
  readonly r: number
  readonly p: number
}

/** OWASP's recommendation for scrypt: 128 MiB and a few hundred milliseconds a hash. */
export const currentCost: ScryptCost = { log2N: 17, r: 8, p: 1 }

const saltBytes = 16
const hashBytes = 32
/** Hashes at a time. Each holds 128 MiB and one of Node's four threads, which files need too. */
const mostAtATime = 2
/** Callers that wait, at most: with more there are seconds to wait, and their sockets to hold. */
const mostWaiting = 32

interface StoredHash {
  readonly cost: ScryptCost
  readonly salt: Buffer
  readonly hash: Buffer
}

/**
 * Passwords as scrypt hashes, with their parameters: `scrypt$17$8$1$salt$hash`. Never on the thread of the event loop.
 * Throws AUTH_THROTTLED when too many wait.
 */
export class PasswordHasher {
  readonly #cost: ScryptCost
  /** Is compared with where there is no user, at the same cost. */
  readonly #decoy: Promise<string>
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor(cost: ScryptCost = currentCost) {
    this.#cost = cost
    // No password has this hash: nobody knows one for random bytes.
    this.#decoy = Promise.resolve(
      written({ cost, salt: randomBytes(saltBytes), hash: randomBytes(hashBytes) }),
    )
  }

  async hash(password: string): Promise<string> {
    const salt = randomBytes(saltBytes)
    const hash = await this.#derive(password, salt, this.#cost)
    return written({ cost: this.#cost, salt, hash })
  }

  /** Whether the password is the one of the hash. Without a hash: no, after as long a time. */
  async verify(password: string, stored: string | null): Promise<boolean> {
    const { cost, salt, hash } = read(stored ?? (await this.#decoy))
    const derived = await this.#derive(password, salt, cost)
    return timingSafeEqual(derived, hash) && stored !== null
  }

  /** True when the hash was made at another cost than that of today. */
  isOutdated(stored: string): boolean {
    const { log2N, r, p } = read(stored).cost
    return log2N !== this.#cost.log2N || r !== this.#cost.r || p !== this.#cost.p
  }

  async #derive(password: string, salt: Buffer, { log2N, r, p }: ScryptCost): Promise<Buffer> {
    const N = 2 ** log2N
    // The same text may be typed as different code points.
    const text = password.normalize('NFKC')
    await this.#enter()
    try {
      return await derive(text, salt, { N, r, p, maxmem: 256 * N * r })
    } finally {
      this.#leave()
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < mostAtATime) {
      this.#running += 1
      return
    }
    if (this.#waiting.length >= mostWaiting)
      throw new AppError('AUTH_THROTTLED', 'too many logins are waiting', { details: { retry_after_s: 5 } })
    // Whoever leaves hands its place over.
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#running -= 1
    else next()
  }
}

const derive = (text: string, salt: Buffer, options: ScryptOptions): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(text, salt, hashBytes, options, (error, hash) => {
      if (error === null) resolve(hash)
      else reject(error)
    })
  })

const written = ({ cost: { log2N, r, p }, salt, hash }: StoredHash): string =>
  ['scrypt', log2N, r, p, salt.toString('base64url'), hash.toString('base64url')].join('$')

function read(stored: string): StoredHash {
  const [kind, log2N, r, p, salt, hash] = stored.split('$')
  if (kind !== 'scrypt' || salt === undefined || hash === undefined)
    throw new AppError('INTERNAL_ERROR', 'a stored password hash cannot be read')
  return {
    cost: { log2N: Number(log2N), r: Number(r), p: Number(p) },
    salt: Buffer.from(salt, 'base64url'),
    hash: Buffer.from(hash, 'base64url'),
  }
}
