import type { GivenRow, ModelSignature, Prediction } from '@celeriac/contracts'
import type { AppError, Instant, ModelVersionRecord } from '@celeriac/core'

/** What every protocol asks: native JSON, Open Inference Protocol V2, MLflow's. */
export interface PredictQuery {
  readonly name: string
  /** At most one of version and alias; neither: the model's route (champion, canary, shadow). */
  readonly version?: number
  readonly alias?: string
  /** Requests with the same key take the same side of a traffic split. */
  readonly stickyKey?: string
  readonly rows: readonly GivenRow[]
  /** Of rows that are lists; null: the order of the signature. */
  readonly columns: readonly string[] | null
  /** When the caller stops waiting. */
  readonly deadlineAt: Instant
  /** Nobody reads the answer any more: it is not asked for. Looked at when the request is about to be sent. */
  readonly signal?: Pick<AbortSignal, 'aborted'>
}

export interface PredictAnswer {
  readonly model: ModelVersionRecord
  /** `pinned`: the caller named a version or an alias. */
  readonly route: 'primary' | 'canary' | 'pinned'
  /** One per row, in order. */
  readonly predictions: readonly Prediction[]
  /** Waiting anywhere on the way, and scoring, in milliseconds. */
  readonly timing: { readonly queueMs: number; readonly computeMs: number }
}

/**
 * Synchronous predictions as all protocols see them. Throws NOT_FOUND_MODEL, CONFLICT_MODEL_ARCHIVED,
 * VALIDATION_ROW_INVALID (`details.fields`: RowProblem[]), PREDICT_DEADLINE, PREDICT_SHED.
 */
export interface PredictService {
  /**
   * For routes, before they read a body: throws PREDICT_SHED when a prediction of this model would be refused anyway.
   * Costs next to nothing. `predict` decides for itself all the same.
   */
  refuse(name: string, remainingMs: number): void
  /**
   * The refusal of one more prediction, whatever is in it, while as many of this model wait as it can answer soon: the
   * same error each time, since it is given thousands of times a second. Counts it. Null: it may be asked.
   */
  overload(name: string): AppError | null
  predict(query: PredictQuery): Promise<PredictAnswer>
  /** The version that such a query would be answered by (the primary, of a split), and what its rows must be like. */
  describe(query: Pick<PredictQuery, 'name' | 'version' | 'alias'>): Promise<{
    readonly model: ModelVersionRecord
    readonly signature: ModelSignature
  }>
}
