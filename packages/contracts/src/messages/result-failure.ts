/** How a failed task is read from Celery's result: `exc_type`, `exc_message`, and what our own workers add. */
import { errorCodes, isErrorCode, type ErrorCode, type JsonValue, type TaskFailure } from '@celeriac/core'
import { z } from 'zod'
import { jsonObject, jsonValue } from './json-body.ts'

const failureSchema = z.looseObject({
  exc_type: z.string().default('Exception'),
  exc_message: jsonValue.default(null),
  exc_module: z.string().nullish(),
  code: z.string().optional(),
  message: z.string().optional(),
  retryable: z.boolean().optional(),
  details: jsonObject.optional(),
})

export interface ReadFailure {
  readonly failure: TaskFailure
  readonly retryable: boolean
}

/** The failure of an operator task. */
export function failureOf(result: unknown, traceback: string | null): ReadFailure {
  const parsed = failureSchema.safeParse(result)
  if (!parsed.success)
    return { failure: { code: 'TASK_FAILED', message: 'failed without an error' }, retryable: true }
  const { exc_type, exc_message, code, message, retryable, details } = parsed.data
  const text = message ?? textOf(exc_message)
  const known = code !== undefined && isErrorCode(code) ? code : codeOfException(exc_type)
  return {
    failure: {
      code: known,
      message: text === '' ? exc_type : text,
      excType: exc_type,
      ...(traceback === null || traceback === '' ? {} : { traceback }),
      ...(details === undefined ? {} : { details }),
    },
    retryable: retryable ?? errorCodes[known].retryable,
  }
}

/**
 * The failure of a plain task. Names of its own exceptions mean nothing here, even where they are those of our Python
 * package; only Celery's do. What the task itself raised may be tried again.
 */
export function plainFailureOf(result: unknown, traceback: string | null): ReadFailure {
  const { failure } = failureOf(result, traceback)
  const code = failure.excType === undefined ? failure.code : codeOfCelery(failure.excType)
  const { excType, message } = failure
  return {
    failure: {
      code,
      message,
      ...(excType === undefined ? {} : { excType }),
      ...(failure.traceback === undefined ? {} : { traceback: failure.traceback }),
    },
    retryable: errorCodes[code].retryable,
  }
}

/** Celery sends an exception's arguments as a list. */
function textOf(args: JsonValue): string {
  const parts = Array.isArray(args) ? (args as readonly JsonValue[]) : args === null ? [] : [args]
  return parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join(', ')
}

/** What the exceptions of Celery mean here. */
function codeOfCelery(excType: string): ErrorCode {
  switch (excType) {
    case 'WorkerLostError':
      return 'TASK_WORKER_LOST'
    case 'TimeLimitExceeded':
    case 'SoftTimeLimitExceeded':
      return 'TASK_TIMED_OUT'
    case 'NotRegistered':
      return 'TASK_ALGORITHM_NOT_FOUND'
    case 'MemoryError':
      return 'TASK_OUT_OF_MEMORY'
    case 'TaskRevokedError':
      return 'TASK_CANCELLED'
    default:
      return 'TASK_FAILED'
  }
}

/** What those of our Python package mean besides, inside a stock Celery worker. */
function codeOfException(excType: string): ErrorCode {
  switch (excType) {
    case 'AlgorithmNotFound':
      return 'TASK_ALGORITHM_NOT_FOUND'
    case 'InvalidParams':
      return 'TASK_INVALID_PARAMS'
    case 'InvalidInput':
      return 'TASK_INVALID_INPUT'
    case 'ArtifactNotFound':
      return 'TASK_ARTIFACT_NOT_FOUND'
    case 'Cancelled':
      return 'TASK_CANCELLED'
    default:
      return codeOfCelery(excType)
  }
}
