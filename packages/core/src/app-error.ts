import { errorCodes, type ErrorCode } from './error-codes.ts'
import type { JsonObject } from './json.ts'

/**
 * The one error class of the platform. `message` is a constant, lower-case sentence; everything variable is in
 * `details`, which is shown to users and must hold no secret. Foreign errors are wrapped once, at the port, as `cause`.
 */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: ErrorCode
  readonly details: JsonObject

  constructor(code: ErrorCode, message: string, options: { details?: JsonObject; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }

  get retryable(): boolean {
    return errorCodes[this.code].retryable
  }

  get status(): number {
    return errorCodes[this.code].status
  }
}

export const isAppError = (value: unknown): value is AppError => value instanceof AppError

/** The message of whatever was thrown. */
export const messageOf = (value: unknown): string => (value instanceof Error ? value.message : String(value))
