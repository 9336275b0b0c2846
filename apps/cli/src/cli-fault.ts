import { isAppError, messageOf, type AppError, type ErrorCode } from '@celeriac/core'
import type { ProblemView } from '@celeriac/contracts'
import { exitReasonOf, type ExitReason } from './exit-codes.ts'

/** What a command ends with when it cannot do its work: shown to the user without a stack trace. */
export class CliFault extends Error {
  override readonly name = 'CliFault'
  readonly reason: ExitReason
  /** Error code of the platform, where one is known. */
  readonly code: string | null
  readonly problems: readonly ProblemView[]
  /** What to do about it. */
  readonly hint: string | null
  readonly details: Readonly<Record<string, unknown>>
  /** File that the problems' lines count in; '' when they are about none. */
  file = ''

  constructor(
    reason: ExitReason,
    message: string,
    more: {
      readonly code?: string
      readonly problems?: readonly ProblemView[]
      readonly hint?: string | undefined
      readonly details?: Readonly<Record<string, unknown>>
      readonly cause?: unknown
    } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.reason = reason
    this.code = more.code ?? null
    this.problems = more.problems ?? []
    this.hint = more.hint ?? null
    this.details = more.details ?? {}
  }
}

export const usageFault = (message: string): CliFault => new CliFault('usage', message)

/** Names the file in the fault, if there will be one. */
export async function aboutFile<T>(file: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (thrown) {
    const fault = toFault(thrown)
    fault.file = file
    throw fault
  }
}

/** Everything that a command may throw, as a fault. */
export function toFault(thrown: unknown): CliFault {
  if (thrown instanceof CliFault) return thrown
  if (isAppError(thrown)) return faultOfAppError(thrown)
  const { code, path } = thrown as { code?: unknown; path?: unknown }
  if (code === 'ENOENT') return new CliFault('notFound', `no such file: ${String(path)}`, { cause: thrown })
  if (code === 'EACCES' || code === 'EISDIR')
    return new CliFault('usage', `cannot read ${String(path)} (${code})`, { cause: thrown })
  return new CliFault('internal', messageOf(thrown), { cause: thrown })
}

/** What to do about faults that have one remedy. */
const hints: Readonly<Partial<Record<ErrorCode, string>>> = {
  STORE_SCHEMA_OLDER: 'run `celeriac migrate` with the same CELERIAC_DATABASE_URL',
  STORE_SCHEMA_NEWER: 'update this installation: the database belongs to a newer one',
}

function faultOfAppError(error: AppError): CliFault {
  const { problems, ...details } = error.details
  return new CliFault(exitReasonOf(error.code), error.message, {
    code: error.code,
    problems: Array.isArray(problems) ? problems.map(problemOf) : [],
    details,
    ...(hints[error.code] === undefined ? {} : { hint: hints[error.code] }),
    cause: error,
  })
}

/** Problems of configurations name a setting and its source instead of a place in a document. */
function problemOf(value: unknown): ProblemView {
  const problem = value as Record<string, unknown>
  const text = (key: string): string | null => (typeof problem[key] === 'string' ? problem[key] : null)
  const whole = (key: string): number | null =>
    typeof problem[key] === 'number' ? (problem[key] as number) : null
  return {
    code: text('code') ?? 'invalid_value',
    severity: problem['severity'] === 'warning' ? 'warning' : 'error',
    message: text('message') ?? '',
    line: whole('line'),
    column: whole('column'),
    path: text('path') ?? text('source') ?? text('setting') ?? '',
    suggestion: text('suggestion'),
  }
}
