/**
 * Which scores each version gives, beside those it gave to the rows it was trained on. Predictions of all protocols that
 * were answered are counted, to the version that answered; shadows are not. What is known is of this scheduler alone:
 * the counters sum up over all of them, and Prometheus makes the PSI of the fleet (deploy/prometheus/recording.rules.yml).
 *
 * It stands behind every prediction: a look-up, a binary search in a few edges, and two additions for each row.
 */
import type { Prediction } from '@celeriac/contracts'
import type { Clock, Instant, ModelVersionRecord } from '@celeriac/core'
import { leastScoresPerBin, psi, verdictOf, type DriftVerdict } from './psi.ts'
import { binOf, scoreReferenceOf, type ScoreReference } from './score-reference.ts'
import { ScoreWindow, windowMs } from './score-window.ts'

/** What is known of a version's scores. */
export interface Drift {
  /** Null: there is nothing to compare with. */
  readonly reference: ScoreReference | null
  /** Scores of the window, by bin; empty without a reference. */
  readonly counts: readonly number[]
  /** Sum of the counts. */
  readonly scores: number
  /** Fewer scores than this say nothing. */
  readonly leastScores: number
  /** Null: too little is known. */
  readonly psi: number | null
  readonly verdict: DriftVerdict | 'unknown'
  /** Why nothing is known: no histogram at deployment, too few scores, more versions served than are watched. */
  readonly reason: 'no_reference' | 'too_few_scores' | 'not_watched' | null
}

/** A version that was served here lately. */
export interface WatchedVersion {
  readonly name: string
  readonly version: number
  readonly reference: ScoreReference
  /** Since it is watched, by bin. */
  readonly totals: Float64Array
}

interface Watched extends WatchedVersion {
  readonly window: ScoreWindow
  usedAt: Instant
}

/** Each is some forty series in Prometheus. */
const mostVersions = 100
/** One that was served more recently than this is not given up for another: they would take turns. */
const settledMs = 600_000

export class ScoreWatch {
  readonly #clock: Pick<Clock, 'now'>
  readonly #watched = new Map<string, Watched>()
  /** Versions without a reference, or without room, are not looked at again for each prediction. */
  readonly #left = new Map<string, Instant>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** These are the answers that a caller got. */
  observe(model: ModelVersionRecord, predictions: readonly Prediction[]): void {
    const key = keyOf(model)
    const now = this.#clock.now()
    const watched = this.#watched.get(key) ?? this.#begin(key, model, now)
    if (watched === null) return
    watched.usedAt = now
    const { reference, totals, window } = watched
    for (const prediction of predictions) {
      const score = prediction[reference.score]
      if (typeof score !== 'number') continue
      const bin = binOf(reference.edges, score)
      totals[bin] = (totals[bin] ?? 0) + 1
      window.add(bin, now)
    }
  }

  of(model: ModelVersionRecord): Drift {
    const key = keyOf(model)
    const watched = this.#watched.get(key)
    if (watched !== undefined) return this.#driftOf(watched)
    const reference = scoreReferenceOf(model.deployment)
    const counts = reference?.shares.map(() => 0) ?? []
    const reason =
      reference === null ? 'no_reference' : this.#left.has(key) ? 'not_watched' : 'too_few_scores'
    const leastScores = counts.length * leastScoresPerBin
    return { reference, counts, scores: 0, leastScores, psi: null, verdict: 'unknown', reason }
  }

  /** Those served in the last 24 hours; older ones are forgotten now. */
  all(): readonly (WatchedVersion & { readonly psi: number | null })[] {
    const now = this.#clock.now()
    for (const [key, { usedAt }] of this.#watched) if (now - usedAt > windowMs) this.#watched.delete(key)
    return Array.from(this.#watched.values(), (watched) => ({ ...watched, psi: this.#driftOf(watched).psi }))
  }

  #driftOf({ reference, window }: Watched): Drift {
    const counts = window.counts(this.#clock.now())
    const scores = counts.reduce((sum, count) => sum + count, 0)
    const leastScores = counts.length * leastScoresPerBin
    const known = { reference, counts, scores, leastScores }
    if (scores < leastScores) return { ...known, psi: null, verdict: 'unknown', reason: 'too_few_scores' }
    const index = psi(
      reference.shares,
      counts.map((count) => count / scores),
    )
    return { ...known, psi: index, verdict: verdictOf(index), reason: null }
  }

  #begin(key: string, { name, version, deployment }: ModelVersionRecord, now: Instant): Watched | null {
    const leftAt = this.#left.get(key)
    if (leftAt !== undefined && now - leftAt < settledMs) return null
    const reference = scoreReferenceOf(deployment)
    if (reference === null || !this.#makeRoom(now)) {
      if (this.#left.size >= 10 * mostVersions) this.#left.clear()
      this.#left.set(key, now)
      return null
    }
    const bins = reference.shares.length
    const totals = new Float64Array(bins)
    const watched = { name, version, reference, totals, window: new ScoreWindow(bins), usedAt: now }
    this.#left.delete(key)
    this.#watched.set(key, watched)
    return watched
  }

  /** Whether one more can be watched: the one that was idle longest is given up, if it was idle long enough. */
  #makeRoom(now: Instant): boolean {
    if (this.#watched.size < mostVersions) return true
    const [idlest] = [...this.#watched].toSorted(([, one], [, other]) => one.usedAt - other.usedAt)
    if (idlest === undefined || now - idlest[1].usedAt < settledMs) return false
    return this.#watched.delete(idlest[0])
  }
}

const keyOf = ({ name, version }: ModelVersionRecord): string => `${name}\n${version}`
