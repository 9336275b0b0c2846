import { AppError, errorCodes, isAppError, type JsonObject } from '@celeriac/core'
import type { ProblemDetails, ProblemView } from '@celeriac/contracts'

/** Everything that may be thrown at the HTTP boundary, as one of ours. What is not known is a defect and says nothing. */
export function toAppError(thrown: unknown): AppError {
  if (isAppError(thrown)) return thrown
  // Express cannot decode the path's percent escapes.
  if (thrown instanceof URIError)
    return new AppError('VALIDATION_BODY_INVALID', 'the path is not valid percent-encoding', {
      cause: thrown,
    })
  return new AppError('INTERNAL_ERROR', 'something went wrong inside Celeriac; its log has the details', {
    cause: thrown,
  })
}

/** RFC 9457 body of an error. Never holds a stack trace or the cause. */
export function problemDetailsOf(error: AppError, requestId: string): ProblemDetails {
  const { problems, ...details } = error.details
  return {
    type: `urn:celeriac:error:${error.code}`,
    title: errorCodes[error.code].meaning,
    status: error.status,
    detail: error.message,
    code: error.code,
    instance: `urn:celeriac:request:${requestId}`,
    ...(Array.isArray(problems) ? { problems: problems.map(problemOf) } : {}),
    ...(Object.keys(details).length === 0 ? {} : { details }),
  }
}

/** Problems come from several layers; what one does not know (a line, a suggestion) is null. */
function problemOf(value: unknown): ProblemView {
  const problem = (typeof value === 'object' && value !== null ? value : {}) as JsonObject
  return {
    code: text(problem['code'], 'invalid_value'),
    severity: problem['severity'] === 'warning' ? 'warning' : 'error',
    message: text(problem['message'], typeof value === 'string' ? value : ''),
    line: whole(problem['line']),
    column: whole(problem['column']),
    path: text(problem['path'], ''),
    suggestion: typeof problem['suggestion'] === 'string' ? problem['suggestion'] : null,
  }
}

const text = (value: unknown, fallback: string): string => (typeof value === 'string' ? value : fallback)
const whole = (value: unknown): number | null => (Number.isInteger(value) ? (value as number) : null)
