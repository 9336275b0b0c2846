import { AppError, type ErrorCode } from '@celeriac/core'
import { sqlErrorOf } from './sql-error.ts'

/** SQLSTATE, or its class (first two characters) → what it means to a caller. The full code is looked up first. */
const sqlStates: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  '08': ['STORE_UNAVAILABLE', 'the connection to the database failed'],
  '28': ['STORE_UNAVAILABLE', 'the database refused the credentials'],
  '3D': ['STORE_UNAVAILABLE', 'the database does not exist'],
  '40': ['STORE_UNAVAILABLE', 'the database rolled the transaction back'],
  '53': ['STORE_UNAVAILABLE', 'the database is out of resources'],
  '57': ['STORE_UNAVAILABLE', 'the database is shutting down or cancelled the statement'],
  '58': ['STORE_UNAVAILABLE', 'the database has a system error'],
  '25006': ['STORE_UNAVAILABLE', 'the database is read-only'],
  // A mistake of administration that will be mended; the statements themselves are ours and tested.
  '42501': ['STORE_UNAVAILABLE', 'the database refuses the permission'],
  '25P03': ['STORE_UNAVAILABLE', 'the database ended an idle transaction'],
  '55P03': ['STORE_UNAVAILABLE', 'a lock was not available in time'],
  '42P01': ['STORE_SCHEMA_OLDER', 'the database lacks a table'],
  '42703': ['STORE_SCHEMA_OLDER', 'the database lacks a column'],
  '42883': ['STORE_SCHEMA_OLDER', 'the database lacks a function'],
  '22021': ['VALIDATION_BODY_INVALID', 'a text holds characters that cannot be stored'],
  '22P05': ['VALIDATION_BODY_INVALID', 'a text holds characters that cannot be stored'],
  '54000': ['VALIDATION_BODY_INVALID', 'a name is too long to be stored'],
}

const networkErrors: ReadonlySet<unknown> = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EMFILE',
  'ENETUNREACH',
  'ENFILE',
  'ENOENT',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
])

/** Faults that the drivers report by message alone. */
const driverMessages =
  /timeout exceeded when trying to connect|connection terminated|query read timeout|connection error|pglite is clos|the store is not started|calling end on the pool|server does not support ssl|client was closed/i

/** Whatever a driver threw, as the port's error. */
export function toStoreError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown
  const sql = sqlErrorOf(thrown)
  if (sql !== null) {
    const [code, message] = sqlStates[sql.sqlState] ??
      sqlStates[sql.sqlState.slice(0, 2)] ?? ['INTERNAL_ERROR', 'the database refused a statement']
    return new AppError(code, message, { details: { sqlState: sql.sqlState }, cause: thrown })
  }
  if (isUnreachable(thrown))
    return new AppError('STORE_UNAVAILABLE', 'the database cannot be reached', { cause: thrown })
  return new AppError('INTERNAL_ERROR', 'a store operation failed', { cause: thrown })
}

function isUnreachable(thrown: unknown): boolean {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (networkErrors.has((error as NodeJS.ErrnoException).code)) return true
    if (driverMessages.test(error.message)) return true
  }
  return false
}
