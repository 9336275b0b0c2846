import type { DueTimes, Instant } from '@celeriac/core'
import { parseDurationMs } from '../dag-document/duration.ts'
import { cronTimes } from './cron-times.ts'
import type { ScheduleSpec } from './schedule-spec.ts'
import { solarTimes } from './solar-times.ts'

/** The due times of a schedule. `anchorAt` is where intervals are counted from. */
export function dueTimesOf(spec: ScheduleSpec, anchorAt: Instant): DueTimes {
  if ('cron' in spec) return cronTimes(spec.cron, spec.timezone)
  if ('solar' in spec) return solarTimes(spec.solar)
  return intervalTimes(parseDurationMs(spec.every) ?? 0, anchorAt)
}

/** `anchorAt` + 1, 2, 3 … intervals: a late look does not shift what follows. */
export function intervalTimes(everyMs: number, anchorAt: Instant): DueTimes {
  const passed = (instant: Instant): number => Math.max(0, Math.floor((instant - anchorAt) / everyMs))
  return {
    next: (instant) => anchorAt + (passed(instant) + 1) * everyMs,
    last: (instant, count) =>
      Array.from(
        { length: Math.min(count, passed(instant)) },
        (_, back) => anchorAt + (passed(instant) - back) * everyMs,
      ),
  }
}
