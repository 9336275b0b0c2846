import {
  AppError,
  isAppError,
  isErrorCode,
  type Clock,
  type Instant,
  type JsonObject,
  type JsonValue,
} from '@celeriac/core'
import { z } from 'zod'
import type { ChildPool } from './child-pool.ts'
import type { ErrorOfChild } from './frames.ts'
import type { JobEnd, PoolChild } from './pool-child.ts'

export interface PredictRequest {
  /** URI of a Deployment artifact. */
  readonly modelUri: string
  /** Rows by column name, or by position when `columns` names them. */
  readonly rows: readonly (JsonObject | readonly JsonValue[])[]
  readonly columns: readonly string[] | null
  /** After this moment nobody wants the answer any more. */
  readonly deadlineAt: Instant
}

export interface PredictResponse {
  /** One per row, in order: `predict_result`, and for classifiers `predict_probability` and `probabilities`. */
  readonly predictions: readonly JsonObject[]
  readonly model: JsonObject
}

export interface PredictorOptions {
  readonly pool: ChildPool
  readonly clock: Clock
  /** Predictions that may wait for a process; the next one is shed. */
  readonly maxWaiting: number
  /** How long past its deadline a prediction may keep a process before the process is killed. */
  readonly overrunMs: number
}

const responseSchema = z.object({
  predictions: z.array(z.record(z.string(), z.json())),
  model: z.record(z.string(), z.json()).default({}),
})

/** A child keeps this many deployments loaded, the least recently used one goes first. */
const modelsPerChild = 8

/**
 * Predictions through the warm children of a pool: urgent requests with a deadline. The answer to a late prediction is
 * PREDICT_DEADLINE at once, while its process finishes in the background; one that hangs there is killed.
 */
export class Predictor {
  readonly #options: PredictorOptions
  readonly #loaded = new WeakMap<PoolChild, string[]>()
  #waiting = 0
  #requests = 0

  constructor(options: PredictorOptions) {
    this.#options = options
  }

  /**
   * Throws PREDICT_SHED when too many wait, PREDICT_DEADLINE when it is not ready in time, VALIDATION_ROW_INVALID with
   * `details.fields` when the rows do not fit the model, TASK_ARTIFACT_NOT_FOUND when there is no such deployment.
   */
  predict(request: PredictRequest): Promise<PredictResponse> {
    const { clock, pool, maxWaiting } = this.#options
    const remainingMs = request.deadlineAt - clock.now()
    if (remainingMs <= 0) return Promise.reject(deadlineError())
    if (this.#waiting >= maxWaiting)
      return Promise.reject(
        new AppError('PREDICT_SHED', 'too many predictions are waiting', {
          details: { waiting: this.#waiting },
        }),
      )
    return new Promise((resolve, reject) => {
      let isWaiting = true
      const stopWaiting = (): void => {
        if (!isWaiting) return
        isWaiting = false
        this.#waiting -= 1
      }
      this.#waiting += 1
      const cancelDeadline = clock.after(remainingMs, () => {
        if (isWaiting) withdraw()
        stopWaiting()
        reject(deadlineError())
      })
      const withdraw = pool.acquire({
        isUrgent: true,
        score: (child) => (this.#loaded.get(child)?.includes(request.modelUri) ? 1 : 0),
        onUnavailable: (error) => {
          stopWaiting()
          cancelDeadline()
          reject(error)
        },
        onChild: (child) => {
          stopWaiting()
          this.#run(child, request, (end) => {
            cancelDeadline()
            try {
              resolve(responseOf(end))
            } catch (error) {
              reject(error instanceof Error ? error : new AppError('INTERNAL_ERROR', String(error)))
            }
          })
        },
      })
    })
  }

  #run(child: PoolChild, request: PredictRequest, onEnd: (end: JobEnd) => void): void {
    const { clock, pool, overrunMs } = this.#options
    let cancelKill: () => void = () => {}
    try {
      child.begin({
        request: {
          type: 'predict',
          delivery_id: `p${++this.#requests}`,
          model_uri: request.modelUri,
          rows: request.rows,
          columns: request.columns,
        },
        logs: null,
        onProgress: () => {},
        onEnd: (end) => {
          cancelKill()
          if (end.kind === 'result') pool.release(child)
          else pool.remove(child)
          onEnd(end)
        },
      })
    } catch (error) {
      if (!isAppError(error)) throw error
      pool.giveBack(child)
      onEnd({ kind: 'protocol', error })
      return
    }
    this.#remember(child, request.modelUri)
    cancelKill = clock.after(request.deadlineAt - clock.now() + overrunMs, () => child.kill())
  }

  #remember(child: PoolChild, modelUri: string): void {
    const known = (this.#loaded.get(child) ?? []).filter((uri) => uri !== modelUri)
    this.#loaded.set(child, [...known, modelUri].slice(-modelsPerChild))
  }
}

const deadlineError = (): AppError =>
  new AppError('PREDICT_DEADLINE', 'the prediction was not ready before its deadline')

function responseOf(end: JobEnd): PredictResponse {
  switch (end.kind) {
    case 'protocol':
      throw end.error
    case 'died':
      throw new AppError('TASK_PROCESS_DIED', 'the process that ran the prediction ended unexpectedly', {
        details: { exit_code: end.exitCode, signal: end.signal },
      })
    case 'result': {
      if (end.frame.status === 'FAILURE') throw errorOf(end.frame.error)
      const response = responseSchema.safeParse(end.frame.result)
      if (response.success) return response.data
      throw new AppError('EXECUTOR_PROTOCOL', 'the prediction does not fit its schema', {
        details: { problems: response.error.issues.slice(0, 5).map((issue) => issue.message) },
      })
    }
  }
}

function errorOf(error: ErrorOfChild): AppError {
  const fields = fieldsOf(error.details)
  if (error.code === 'TASK_INVALID_PARAMS' || error.code === 'TASK_INVALID_INPUT')
    return new AppError('VALIDATION_ROW_INVALID', "the rows do not fit the model's signature", {
      details: { reason: error.message, fields },
    })
  return new AppError(isErrorCode(error.code) ? error.code : 'TASK_FAILED', 'the prediction failed', {
    details: { reason: error.message, exc_type: error.exc_type },
  })
}

/** `[{path, expected, got}]`, bare or under `details`. */
function fieldsOf(details: JsonValue | undefined): readonly JsonValue[] {
  if (Array.isArray(details)) return details as readonly JsonValue[]
  const inner =
    typeof details === 'object' && details !== null ? (details as JsonObject)['details'] : undefined
  return Array.isArray(inner) ? (inner as readonly JsonValue[]) : []
}
