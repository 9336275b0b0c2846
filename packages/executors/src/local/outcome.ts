import { taskResultSchema } from '@celeriac/contracts'
import {
  errorCodes,
  isErrorCode,
  type AppError,
  type AttemptOutcome,
  type ErrorCode,
  type JsonObject,
  type JsonValue,
  type TaskFailure,
  type TaskResult,
} from '@celeriac/core'
import type { ErrorOfChild } from './frames.ts'
import type { JobEnd } from './pool-child.ts'

/** What the executor itself did to an attempt: it decides over whatever the process said last. */
export type Intervention =
  | { readonly kind: 'cancelled'; readonly reason: string }
  | { readonly kind: 'timed-out'; readonly limitS: number }
  | null

/** Tracebacks are shown to people; the innermost frames are at the end. */
const maxTracebackChars = 32_768
const maxMessageChars = 4_096

/** The outcome of an attempt from how its process ended the job. Pure. */
export function outcomeOf(end: JobEnd, intervention: Intervention): AttemptOutcome {
  if (intervention?.kind === 'cancelled') return { status: 'revoked', reason: intervention.reason }
  if (intervention?.kind === 'timed-out' && end.kind !== 'result')
    return failed(
      'TASK_TIMED_OUT',
      `ran longer than its time limit of ${intervention.limitS} s and was killed`,
      {
        time_limit_s: intervention.limitS,
      },
    )
  switch (end.kind) {
    case 'result':
      return end.frame.status === 'SUCCESS' ? succeeded(end.frame.result) : failedInPython(end.frame.error)
    case 'died':
      return died(end.exitCode, end.signal)
    case 'protocol':
      return ofError(end.error)
  }
}

/** The outcome of an attempt that an error of ours kept from running. */
export const ofError = (error: AppError): AttemptOutcome => failed(error.code, error.message, error.details)

/** True when the inner state of the process that ran this is not to be trusted with another attempt. */
export function isTainted(end: JobEnd, intervention: Intervention): boolean {
  if (intervention !== null || end.kind !== 'result') return true
  if (end.frame.status === 'SUCCESS') return false
  // Interrupted at an arbitrary instruction, or short of memory: C extensions may be left half-way.
  return ['TASK_TIMED_OUT', 'TASK_CANCELLED', 'TASK_OUT_OF_MEMORY'].includes(end.frame.error.code)
}

function succeeded(result: unknown): AttemptOutcome {
  const parsed = taskResultSchema.safeParse(result)
  if (parsed.success) return { status: 'succeeded', result: parsed.data as TaskResult }
  return failed('TASK_MALFORMED_RESULT', 'the operator returned something that is not an operator result', {
    problems: parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.')}: ${issue.message}`),
  })
}

function failedInPython(error: ErrorOfChild): AttemptOutcome {
  if (error.code === 'TASK_CANCELLED') return { status: 'revoked', reason: error.message }
  const code = isErrorCode(error.code) ? error.code : 'TASK_FAILED'
  const { traceback } = error
  const failure: TaskFailure = {
    code,
    message: (error.message === '' ? error.exc_type : error.message).slice(0, maxMessageChars),
    excType: error.exc_type,
    ...(traceback ? { traceback: traceback.slice(-maxTracebackChars) } : {}),
    ...(error.details === undefined || error.details === null ? {} : { details: detailsOf(error.details) }),
  }
  return { status: 'failed', failure, retryable: error.retryable ?? errorCodes[code].retryable }
}

const detailsOf = (details: JsonValue): JsonObject =>
  typeof details === 'object' && details !== null && !Array.isArray(details)
    ? (details as JsonObject)
    : { details }

function died(exitCode: number | null, signal: string | null): AttemptOutcome {
  const details = { exit_code: exitCode, signal }
  if (signal === 'SIGKILL')
    return failed(
      'TASK_PROCESS_DIED',
      'the process that ran the attempt was killed by SIGKILL; if nobody did so by hand, the machine ran out of ' +
        'memory (see the kernel log for "oom-kill"): give the worker more memory or a lower concurrency',
      details,
    )
  if (signal !== null)
    return failed('TASK_PROCESS_DIED', `the process that ran the attempt was killed by ${signal}`, details)
  if (exitCode !== null)
    return failed(
      'TASK_PROCESS_DIED',
      `the process that ran the attempt exited with code ${exitCode}`,
      details,
    )
  return failed('TASK_PROCESS_DIED', 'the process that ran the attempt was lost with its parent', details)
}

function failed(code: ErrorCode, message: string, details: JsonObject): AttemptOutcome {
  return {
    status: 'failed',
    failure: { code, message, ...(Object.keys(details).length === 0 ? {} : { details }) },
    retryable: errorCodes[code].retryable,
  }
}
