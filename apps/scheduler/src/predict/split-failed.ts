/**
 * What becomes of the calls of a message that failed: nobody pays for the rows of another caller, and nobody can make
 * the others' messages small by sending bad rows.
 */
import { AppError, type ErrorCode, type JsonObject, type JsonValue } from '@celeriac/core'
import type { Call } from './call-lane.ts'

/** Failures for which the rows of a single caller may be the cause. */
const rowFaults: ReadonlySet<ErrorCode> = new Set([
  'VALIDATION_ROW_INVALID',
  'TASK_INVALID_INPUT',
  'TASK_INVALID_PARAMS',
  'TASK_FAILED',
  'TASK_PROCESS_DIED',
  'TASK_OUT_OF_MEMORY',
  'BROKER_MESSAGE_TOO_LARGE',
])

/** Each try with these costs a worker a process: the fault is not looked for in several steps. */
const deadly: ReadonlySet<ErrorCode> = new Set(['TASK_PROCESS_DIED', 'TASK_OUT_OF_MEMORY'])

/** A fault of one call among hundreds is found with two messages of these parts; that all are at fault costs few more. */
const mostParts = 16

export interface FailedCalls {
  /** Calls that are at fault, each with its own part of the error. */
  readonly failed: readonly { readonly call: Call; readonly error: AppError }[]
  /** What is asked again, in messages of these calls. */
  readonly again: readonly (readonly Call[])[]
}

/** Each step leaves smaller messages, so that it comes to an end. Pure. */
export function splitFailed(calls: readonly Call[], error: AppError): FailedCalls {
  if (calls.length === 1 || !rowFaults.has(error.code))
    return { failed: calls.map((call) => ({ call, error })), again: [] }
  const named = error.code === 'VALIDATION_ROW_INVALID' ? callsAtFault(calls, error) : null
  if (named !== null) return named
  return { failed: [], again: inParts(calls, partsFor(calls.length, error)) }
}

function partsFor(calls: number, { code }: AppError): number {
  if (code === 'BROKER_MESSAGE_TOO_LARGE') return 2
  return deadly.has(code) ? calls : Math.min(calls, mostParts)
}

function inParts(calls: readonly Call[], count: number): readonly (readonly Call[])[] {
  const size = Math.ceil(calls.length / count)
  return Array.from({ length: Math.ceil(calls.length / size) }, (_, part) =>
    calls.slice(part * size, (part + 1) * size),
  )
}

/** Those whose rows the error names; all others go together again. Null when it names none. */
function callsAtFault(calls: readonly Call[], error: AppError): FailedCalls | null {
  const failed: { call: Call; error: AppError }[] = []
  const innocent: Call[] = []
  let first = 0
  for (const call of calls) {
    const own = fieldsOf(error).filter((field) => {
      const row = rowOf(field)
      return row !== null && row >= first && row < first + call.rows
    })
    if (own.length === 0) innocent.push(call)
    else failed.push({ call, error: withFields(error, own, -first) })
    first += call.rows
  }
  return failed.length === 0 ? null : { failed, again: innocent.length === 0 ? [] : [innocent] }
}

/** A part's error in the words of the whole, which has `first` rows before it. */
export const withRowsFrom = (first: number, error: AppError): AppError =>
  error.code === 'VALIDATION_ROW_INVALID' ? withFields(error, fieldsOf(error), first) : error

const withFields = (error: AppError, fields: readonly JsonValue[], by: number): AppError =>
  new AppError(error.code, error.message, {
    details: { ...error.details, fields: fields.map((field) => moved(field, by)) },
  })

const fieldsOf = ({ details: { fields } }: AppError): readonly JsonValue[] =>
  Array.isArray(fields) ? (fields as readonly JsonValue[]) : []

const place = /^rows\[(\d+)\]/

function rowOf(field: JsonValue): number | null {
  const path = (field as JsonObject | null)?.['path']
  const row = typeof path === 'string' ? place.exec(path)?.[1] : undefined
  return row === undefined ? null : Number(row)
}

function moved(field: JsonValue, by: number): JsonValue {
  const row = rowOf(field)
  if (row === null) return field
  const { path, ...rest } = field as JsonObject & { readonly path: string }
  return { path: path.replace(place, `rows[${row + by}]`), ...rest }
}
