import { createLogger, type Logger, type LogLevel } from '@celeriac/runtime'

/** Logs of commands go to standard error: standard output is for results. */
export const processLogger = (service: string, level: LogLevel): Logger =>
  createLogger({ service, level, destination: process.stderr })
