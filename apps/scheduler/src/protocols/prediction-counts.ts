import type { Clock, Instant } from '@celeriac/core'
import { isAppError } from '@celeriac/core'
import type { PredictQuery, PredictService } from '../predict/predict-service.ts'

/** What became of a version's requests since this scheduler started. Durations in milliseconds. */
export interface PredictionCount {
  readonly name: string
  readonly version: number
  lastAt: Instant
  rows: number
  succeeded: number
  succeededMs: number
  failed: number
  failedMs: number
  queueMs: number
  computeMs: number
}

/** More are not counted apart: the one that was asked longest ago is forgotten. */
const mostVersions = 1_000

/**
 * A prediction service that counts, for the statistics of the Open Inference Protocol. Requests of all protocols count,
 * at this scheduler alone; Prometheus has the rest.
 */
export class PredictionCounts implements PredictService {
  readonly #service: PredictService
  readonly #clock: Clock
  readonly #counts = new Map<string, PredictionCount>()
  /** The version that answered last: a failure does not say which one it was. */
  readonly #latest = new Map<string, number>()

  constructor(service: PredictService, clock: Clock) {
    this.#service = service
    this.#clock = clock
  }

  refuse(name: string, remainingMs: number): void {
    this.#service.refuse(name, remainingMs)
  }

  overload(name: string): ReturnType<PredictService['overload']> {
    return this.#service.overload(name)
  }

  describe(query: Pick<PredictQuery, 'name' | 'version' | 'alias'>): ReturnType<PredictService['describe']> {
    return this.#service.describe(query)
  }

  async predict(query: PredictQuery): ReturnType<PredictService['predict']> {
    const startedAt = this.#clock.now()
    try {
      const answer = await this.#service.predict(query)
      const { name, version } = answer.model
      this.#latest.set(name, version)
      const count = this.#countOf(name, version)
      const now = this.#clock.now()
      count.lastAt = now
      count.rows += query.rows.length
      count.succeeded += 1
      count.succeededMs += now - startedAt
      count.queueMs += answer.timing.queueMs
      count.computeMs += answer.timing.computeMs
      return answer
    } catch (error) {
      const version = query.version ?? this.#latest.get(query.name)
      const isKnown = !isAppError(error) || error.code !== 'NOT_FOUND_MODEL'
      if (version !== undefined && isKnown) {
        const count = this.#countOf(query.name, version)
        count.failed += 1
        count.failedMs += this.#clock.now() - startedAt
      }
      throw error
    }
  }

  /** Of one version; null: nobody has asked for it yet. */
  of(name: string, version: number): Readonly<PredictionCount> | null {
    return this.#counts.get(keyOf(name, version)) ?? null
  }

  #countOf(name: string, version: number): PredictionCount {
    const key = keyOf(name, version)
    const count = this.#counts.get(key) ?? {
      name,
      version,
      lastAt: 0,
      rows: 0,
      succeeded: 0,
      succeededMs: 0,
      failed: 0,
      failedMs: 0,
      queueMs: 0,
      computeMs: 0,
    }
    // The last in the map is the one asked last.
    this.#counts.delete(key)
    this.#counts.set(key, count)
    const [oldest] = this.#counts.keys()
    if (this.#counts.size > mostVersions && oldest !== undefined) {
      this.#counts.delete(oldest)
      this.#latest.delete(oldest.slice(0, oldest.lastIndexOf('\n')))
    }
    return count
  }
}

const keyOf = (name: string, version: number): string => `${name}\n${version}`
