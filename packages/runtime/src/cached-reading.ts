import type { Clock, Instant } from '@celeriac/core'

export interface CachedReadingOptions<T> {
  readonly read: () => Promise<T>
  readonly clock: Clock
  /** A value younger than this is given without reading again. Milliseconds, as all below. */
  readonly freshMs: number
  /** Whoever asks waits no longer than this; a reading that takes longer is there for the next one. */
  readonly waitMs: number
  /** An older value is worse than none. */
  readonly staleMs: number
}

/** A slow reading is followed by a rest this many times as long: it takes a twentieth of what it reads from. */
const restFactor = 20

/**
 * A value that is costly to read, and at times cannot be read, for those who ask often and must not wait: one reading at
 * a time, shared by all who ask meanwhile.
 */
export class CachedReading<T> {
  readonly #options: CachedReadingOptions<T>
  #latest: { readonly value: T; readonly at: Instant } | null = null
  #dueAt: Instant = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | null = null

  constructor(options: CachedReadingOptions<T>) {
    this.#options = options
  }

  /** The newest value; null when there is none that is not stale. Never rejects. */
  async get(): Promise<T | null> {
    const { waitMs, staleMs, clock } = this.#options
    if (clock.now() >= this.#dueAt) this.#reading ??= this.#read()
    if (this.#reading !== null) await within(waitMs, this.#reading, clock)
    const latest = this.#latest
    return latest === null || clock.now() - latest.at >= staleMs ? null : latest.value
  }

  async #read(): Promise<void> {
    const { read, freshMs, staleMs, clock } = this.#options
    const startedAt = clock.now()
    let restMs = 0
    try {
      const value = await read()
      this.#latest = { value, at: clock.now() }
      restMs = Math.min((clock.now() - startedAt) * restFactor, staleMs / 2)
    } catch {
      // What is read from reports its own faults; here the value just grows old.
    } finally {
      this.#dueAt = clock.now() + Math.max(freshMs, restMs)
      this.#reading = null
    }
  }
}

/** What `work` gives, or undefined when that takes longer than `limitMs`. Rejects as `work` does. */
export async function within<T>(limitMs: number, work: Promise<T>, clock: Clock): Promise<T | undefined> {
  let cancel = (): void => {}
  const limit = new Promise<undefined>((resolve) => {
    cancel = clock.after(limitMs, () => resolve(undefined))
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    cancel()
  }
}
