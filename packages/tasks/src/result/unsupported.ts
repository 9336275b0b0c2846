import { AppError } from '@celeriac/core'
import type { ResultBackendName } from './result-backend.ts'

/** The error of a backend that lacks what a call needs. */
export const unsupported = (backend: ResultBackendName, what: string): AppError =>
  new AppError('CONFIG_RESULT_BACKEND', `the result backend does not offer ${what}`, {
    details: { backend, use: 'redis:// or postgres://' },
  })
