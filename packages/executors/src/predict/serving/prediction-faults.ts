import type { RowProblem } from '@celeriac/contracts'
import { AppError, isErrorCode, type JsonObject, type JsonValue } from '@celeriac/core'
import type { ErrorOfChild } from '../../local/frames.ts'

export const deadlinePassed = (): AppError =>
  new AppError('PREDICT_DEADLINE', 'the prediction was not ready before its deadline')

export const rowsInvalid = (fields: readonly RowProblem[]): AppError =>
  new AppError('VALIDATION_ROW_INVALID', "the rows do not fit the model's signature", {
    details: { fields: fields.map((field) => ({ ...field })) },
  })

export const serverStopped = (): AppError => new AppError('EXECUTOR_UNAVAILABLE', 'the worker is stopping')

/** What a Python process said about rows or a model that it could not serve. */
export function faultOfChild(error: ErrorOfChild): AppError {
  if (error.code === 'TASK_INVALID_PARAMS' || error.code === 'TASK_INVALID_INPUT')
    return new AppError('VALIDATION_ROW_INVALID', "the rows do not fit the model's signature", {
      details: { reason: error.message, fields: fieldsOf(error.details) },
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
