import { errorCodes, type AppError, type ErrorCode } from '@celeriac/core'
import { problemDetailsSchema } from '@celeriac/contracts'
import type { z } from 'zod'
import { problemDetailsOf } from './problem-details.ts'

/** How the errors of a route look to its clients. */
export interface ErrorForm {
  readonly contentType: string
  readonly schema: z.ZodType
  /** The status of an error, where that is not the one of its code. */
  statusOf(code: ErrorCode): number
  bodyOf(error: AppError, requestId: string): unknown
}

/** RFC 9457, and the status of the code: the form of every route that does not say otherwise. */
export const problemForm: ErrorForm = {
  contentType: 'application/problem+json',
  schema: problemDetailsSchema,
  statusOf: (code) => errorCodes[code].status,
  bodyOf: problemDetailsOf,
}
