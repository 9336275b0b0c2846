import { defaultLogLimits } from '@celeriac/executors'
import { expect, test } from 'vitest'
import { logLimitsOf } from '../src/log-limits.ts'

test('settings become limits: MiB of output, lines per second, and four seconds of them at once', () => {
  expect(logLimitsOf({ taskLogMib: 2, taskLogLinesPerS: 100 })).toEqual({
    ...defaultLogLimits,
    attemptBytes: 2_097_152,
    linesPerSecond: 100,
    burstLines: 400,
  })
})

test('what is not set is as the executor has it', () => {
  expect(logLimitsOf({})).toEqual(defaultLogLimits)
})
