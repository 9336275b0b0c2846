import type { CheckedRow, ModelSignature, Prediction } from '@celeriac/contracts'

/**
 * A model with the transforms in front of it, as numbers in this process. Immutable and synchronous: a row costs
 * microseconds, so callers split what is large.
 */
export interface Scorer {
  /** Scores rows that `checkRows` has let through. One answer per row, in order. Throws VALIDATION_ROW_INVALID. */
  score(rows: readonly CheckedRow[]): readonly Prediction[]
  /** What it takes of this process's memory, about. */
  readonly bytes: number
}

/** How a deployment is served, and why. Recorded with the model version when it is deployed. */
export interface ServingReport {
  readonly runtime: 'native' | 'python'
  /** Why not `native`; null when it is. */
  readonly reason: string | null
  /** Largest difference from Python's own numbers over the sample; null when nothing was compared. */
  readonly maxDifference: number | null
  readonly tolerance: number
  /** Sample rows compared. */
  readonly rows: number
}

/** A deployment read from the artifact store. */
export interface LoadedDeployment {
  readonly uri: string
  readonly name: string
  readonly signature: ModelSignature
  /** Null: Python answers; `report.reason` says why. */
  readonly scorer: Scorer | null
  readonly report: ServingReport
  /** Rows to warm a process up with. */
  readonly sample: readonly CheckedRow[]
}
