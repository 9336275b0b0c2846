import { mlflowErrorSchema, v2ErrorSchema } from '@celeriac/contracts'
import { errorCodes, type AppError, type JsonObject } from '@celeriac/core'
import type { ErrorForm } from '../http/error-form.ts'

const statusOf: ErrorForm['statusOf'] = (code) => errorCodes[code].status

/** Errors of the Open Inference Protocol: one text, which names every problem. */
export const v2ErrorForm: ErrorForm = {
  contentType: 'application/json',
  schema: v2ErrorSchema,
  statusOf,
  bodyOf: (error) => ({ error: errorText(error) }),
}

/** Errors of MLflow's scoring server. */
export const mlflowErrorForm: ErrorForm = {
  contentType: 'application/json',
  schema: mlflowErrorSchema,
  statusOf,
  bodyOf: (error) => ({ error_code: mlflowCodes[error.status] ?? 'BAD_REQUEST', message: errorText(error) }),
}

/** The form of errors where no route is: the clients of a protocol ask for parts of it that are not offered. */
export const formOfPath = (path: string): ErrorForm | undefined =>
  /^\/v2\//i.test(path) ? v2ErrorForm : undefined

/** The names that MLflow has for statuses. */
const mlflowCodes: Readonly<Record<number, string>> = {
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'RESOURCE_DOES_NOT_EXIST',
  409: 'INVALID_STATE',
  422: 'INVALID_PARAMETER_VALUE',
  500: 'INTERNAL_ERROR',
  503: 'TEMPORARILY_UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}

/** The whole error in one line: what it is, then every problem with its place, or whatever else is known. */
export function errorText({ message, details }: Pick<AppError, 'message' | 'details'>): string {
  const { problems, fields, ...others } = details
  const told = [
    ...listOf(problems).map((problem) => `${text(problem['path'])}: ${text(problem['message'])}`),
    ...listOf(fields).map(
      ({ path, expected, got }) => `${text(path)}: ${text(expected)} expected, got ${text(got)}`,
    ),
    ...Object.entries(others).map(([name, value]) => `${name}: ${text(value)}`),
  ]
  return told.length === 0 ? message : `${message}: ${told.join('; ')}`
}

const listOf = (value: unknown): readonly JsonObject[] =>
  Array.isArray(value)
    ? value.filter((each): each is JsonObject => typeof each === 'object' && each !== null)
    : []

const text = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
