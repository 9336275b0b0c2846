import { isAppError } from '@celeriac/core'
import { type DestinationStream, type Logger as PinoLogger, pino, stdSerializers } from 'pino'
import { hidePasswords } from './config/redaction.ts'
import type { LogLevel } from './log-levels.ts'

/**
 * A logger with bound fields. Messages are constant, lower-case sentences; what varies is a field:
 * `logger.child({ component: 'engine' }).info({ run_id, operator_id, attempt, duration_ms }, 'run finished')`.
 * Field names: component, dag_id, run_id, operator_id, task_id, attempt, queue, partition, worker, duration_ms, err.
 */
export type Logger = PinoLogger

export interface LoggerOptions {
  /** The program: `scheduler`, `worker`, `cli`, `standalone`. */
  readonly service: string
  readonly level: LogLevel
  /** Default: standard output, one JSON object per line. */
  readonly destination?: DestinationStream
}

const secretFields = ['token', 'password', 'authorization', 'api_token', 'secret', 'cookie']

/** Errors with their code, details and causes. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { type, message, stack } = stdSerializers.err(error)
  return { type, message, ...(isAppError(error) ? { code: error.code, details: error.details } : {}), stack }
}

/** A logger that never writes secrets: fields by name, passwords inside of URLs by pattern, wherever in a line. */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level,
      base: { service: options.service, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serializeError },
      hooks: { streamWrite: hidePasswords },
      redact: {
        paths: secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
        censor: '[hidden]',
      },
    },
    options.destination ?? pino.destination({ fd: 1, sync: true }),
  )
}

/** A logger that writes nothing, for tests and offline commands. */
export const silentLogger = (): Logger => pino({ level: 'silent' })
