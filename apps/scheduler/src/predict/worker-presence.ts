import type { Broker, Clock, Instant } from '@celeriac/core'
import { within } from '@celeriac/runtime'

export interface WorkerPresenceDeps {
  readonly broker: Pick<Broker, 'depths' | 'state'>
  readonly clock: Clock
  readonly queue: string
  /** Nobody has consumed for two seconds: what waits would wait in vain. */
  readonly onDeserted: () => void
}

/** Between two looks while somebody asks, in milliseconds: a passive declaration, which costs the broker little. */
const lookEveryMs = 1_000
/** When nobody was seen, whoever asks has it looked up again after this time: a worker may just have started. */
const lookAgainMs = 100
/** Nobody waits longer for a look; what is not known then counts as served, and the deadline decides. */
const longestLookMs = 250
/** A worker that is restarted is back within this time, more often than not; its calls are still in the queue then. */
const desertedAfterMs = 2_000

/** Whether anybody consumes the queue of predictions, so that callers need not wait out their deadlines to learn it. */
export class WorkerPresence {
  readonly #deps: WorkerPresenceDeps
  #workers: number | null = null
  #lookedAt: Instant = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | null = null
  #absentSince: Instant | null = null

  constructor(deps: WorkerPresenceDeps) {
    this.#deps = deps
  }

  /** Consumers when last seen; null while that is not known. */
  get workers(): number | null {
    return this.#workers
  }

  /** False when nobody consumes, as far as is known; a promise when that must be looked up. */
  isServed(): boolean | Promise<boolean> {
    const { clock } = this.#deps
    const age = clock.now() - this.#lookedAt
    const isUnknown = age === Number.POSITIVE_INFINITY
    if (this.#workers !== 0 && !isUnknown) {
      if (age >= lookEveryMs) void this.#look()
      return true
    }
    if (age < lookAgainMs) return false
    return within(longestLookMs, this.#look(), clock).then(() => this.#workers !== 0)
  }

  /** To be called now and then while calls are under way, since nobody may ask meanwhile. */
  watch(): void {
    if (this.#deps.clock.now() - this.#lookedAt >= lookEveryMs) void this.#look()
  }

  #look(): Promise<void> {
    this.#looking ??= this.#read().finally(() => {
      this.#looking = null
    })
    return this.#looking
  }

  async #read(): Promise<void> {
    const { broker, clock, queue, onDeserted } = this.#deps
    try {
      // While the broker is away nothing is known; the deadline decides.
      const [depth] = broker.state === 'open' ? await broker.depths([queue]) : []
      this.#workers = depth?.consumers ?? null
    } catch {
      this.#workers = null
    }
    this.#lookedAt = clock.now()
    this.#absentSince = this.#workers === 0 ? (this.#absentSince ?? this.#lookedAt) : null
    if (this.#absentSince !== null && this.#lookedAt - this.#absentSince >= desertedAfterMs) onDeserted()
  }
}
