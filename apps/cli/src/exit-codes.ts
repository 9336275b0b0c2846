import type { ErrorCode } from '@celeriac/core'

/** Exit codes of every command: the numbers are a contract for scripts. From 64 on they are those of sysexits.h. */
export const exitCodes = {
  ok: { code: 0, meaning: 'done; a watched run succeeded' },
  runFailed: { code: 1, meaning: 'the run, or the work asked for, did not succeed' },
  usage: { code: 2, meaning: 'the command line is not valid' },
  notFound: {
    code: 3,
    meaning: 'no such run, operator, DAG, schedule, data set, model, user, token or file',
  },
  invalid: { code: 4, meaning: 'the DAG document, data set or row has problems; all are listed' },
  conflict: { code: 5, meaning: 'the state of things does not allow it (finished run, taken id)' },
  unavailable: { code: 69, meaning: 'server, broker or database cannot be reached, or is too busy' },
  internal: { code: 70, meaning: 'a defect in Celeriac' },
  denied: { code: 77, meaning: 'the token or password is missing or wrong, or does not allow it' },
  config: { code: 78, meaning: 'the configuration has faults; all are listed' },
  interrupted: { code: 130, meaning: 'stopped by Ctrl-C; a watched run goes on' },
} as const

export type ExitReason = keyof typeof exitCodes

/** Families of error codes, by prefix; the first that fits counts. */
const reasonByPrefix: readonly (readonly [prefix: string, reason: ExitReason])[] = [
  ['CONFIG_', 'config'],
  ['STORE_SCHEMA_', 'config'],
  ['VALIDATION_', 'invalid'],
  ['AUTH_THROTTLED', 'unavailable'],
  ['AUTH_', 'denied'],
  ['NOT_FOUND_', 'notFound'],
  ['CONFLICT_', 'conflict'],
  ['TASK_', 'runFailed'],
  ['LIMIT_', 'unavailable'],
  ['BROKER_', 'unavailable'],
  ['STORE_', 'unavailable'],
  ['EXECUTOR_', 'unavailable'],
  ['PREDICT_', 'unavailable'],
  ['STREAM_', 'unavailable'],
]

export const exitReasonOf = (code: ErrorCode): ExitReason =>
  reasonByPrefix.find(([prefix]) => code.startsWith(prefix))?.[1] ?? 'internal'

/** The table that ends `celeriac --help`. */
export const exitCodeHelp = (): string =>
  [
    'Exit codes:',
    ...Object.values(exitCodes).map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`),
  ].join('\n')
