import type { Clock, Instant } from '@celeriac/core'

/**
 * Ids of revoked tasks that this worker may yet receive. Bounded in number and age, as in Celery: a revocation is a
 * hint to workers, the engine remembers for itself that it cancelled.
 */
export class RevokedIds {
  readonly #clock: Clock
  readonly #maxIds: number
  readonly #maxAgeMs: number
  /** In order of revocation, so that the oldest come first. */
  readonly #ids = new Map<string, Instant>()

  constructor(clock: Clock, limits: { readonly maxIds?: number; readonly maxAgeMs?: number } = {}) {
    this.#clock = clock
    this.#maxIds = limits.maxIds ?? 50_000
    this.#maxAgeMs = limits.maxAgeMs ?? 3 * 3_600_000
  }

  get size(): number {
    return this.#ids.size
  }

  add(id: string): void {
    const now = this.#clock.now()
    this.#ids.delete(id)
    this.#ids.set(id, now)
    for (const [oldest, at] of this.#ids) {
      if (this.#ids.size <= this.#maxIds && at + this.#maxAgeMs > now) return
      this.#ids.delete(oldest)
    }
  }

  /** Those that are still remembered. */
  all(): readonly string[] {
    return [...this.#ids.keys()].filter((id) => this.has(id))
  }

  /** Seconds since the epoch, by id; what workers tell each other. */
  byTime(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.all().map((id) => [id, (this.#ids.get(id) ?? 0) / 1_000]))
  }

  has(id: string): boolean {
    const at = this.#ids.get(id)
    return at !== undefined && at + this.#maxAgeMs > this.#clock.now()
  }
}
