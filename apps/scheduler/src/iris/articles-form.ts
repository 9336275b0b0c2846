import { articlesErrorSchema, type ArticlesErrorView } from '@celeriac/contracts'
import { errorCodes, type AppError, type ErrorCode, type JsonObject } from '@celeriac/core'
import type { ErrorForm } from '../http/error-form.ts'

/** Where the framework of the articles has another status: it answers whatever the client should have known with 400. */
const statuses: Partial<Record<ErrorCode, number>> = { AUTH_CREDENTIALS: 400, CONFLICT_USER_EXISTS: 400 }

/** Its words, where its clients show them. */
const bodies: Partial<Record<ErrorCode, ArticlesErrorView>> = {
  AUTH_CREDENTIALS: { non_field_errors: ['Incorrect Credentials'] },
  AUTH_TOKEN_MISSING: { detail: 'Authentication credentials were not provided.' },
  AUTH_TOKEN_INVALID: { detail: 'Invalid token.' },
  NOT_FOUND_IRIS: { detail: 'Not found.' },
  CONFLICT_USER_EXISTS: { username: ['A user with that username already exists.'] },
}

/** Errors as the articles' clients read them: `{field: [message]}` for fields, `{detail}` for all else. */
export const articlesForm: ErrorForm = {
  contentType: 'application/json',
  schema: articlesErrorSchema,
  statusOf: (code) => statuses[code] ?? errorCodes[code].status,
  bodyOf: (error) => bodies[error.code] ?? fieldErrors(error) ?? { detail: error.message },
}

/** The messages of each field; null when the error names none. */
function fieldErrors({ details }: Pick<AppError, 'details'>): ArticlesErrorView | null {
  const { problems } = details
  if (!Array.isArray(problems) || problems.length === 0) return null
  const fields: Record<string, string[]> = {}
  for (const problem of problems as readonly JsonObject[]) {
    const { path, message } = problem
    if (typeof path !== 'string' || typeof message !== 'string') continue
    // `body.sepal_len`: the first part says where in the request; `body` alone is the whole of it.
    const field = path.split('.')[1] ?? 'non_field_errors'
    ;(fields[field] ??= []).push(message)
  }
  return fields
}
