import { defaultLogLimits, type LogLimits } from '@celeriac/executors'
import type { WorkerConfig } from './config.ts'

export type LogSettings = Pick<WorkerConfig, 'taskLogMib' | 'taskLogLinesPerS'>

/** As for a bucket that holds four seconds' worth: a summary at the end of an operator comes at once. */
const burstS = 4

/** What the settings allow an attempt to log; the executor's own limits where they say nothing. */
export const logLimitsOf = ({ taskLogMib, taskLogLinesPerS }: Partial<LogSettings>): LogLimits => ({
  ...defaultLogLimits,
  ...(taskLogMib !== undefined && { attemptBytes: taskLogMib * 1_048_576 }),
  ...(taskLogLinesPerS !== undefined && {
    linesPerSecond: taskLogLinesPerS,
    burstLines: taskLogLinesPerS * burstS,
  }),
})
