import { nextDueTime, type Instant, type ScheduleRecord, type ScheduleSettings } from '@celeriac/core'
import {
  scheduleDefaults,
  scheduleSpecSchema,
  type ScheduleSettingsInput,
  type ScheduleSpec,
} from '@celeriac/contracts'
import { dueTimesOfSchedule, settingsAt } from './schedule-times.ts'

export type SettingsInput = ScheduleSettingsInput & { readonly enabled: boolean }

/** The settings of an entry in the words of the interface. */
export const inputOf = (schedule: ScheduleSettings): SettingsInput => ({
  catch_up: schedule.catchUp.kind,
  catch_up_limit: schedule.catchUp.kind === 'all' ? schedule.catchUp.limit : scheduleDefaults.catch_up_limit,
  overlap: schedule.overlap,
  overlap_limit_s: schedule.overlapLimitMs / 1_000,
  end_at: schedule.endAt === null ? null : new Date(schedule.endAt).toISOString(),
  enabled: schedule.isEnabled,
})

/**
 * The settings of an entry that is edited at `now`. While its times stay, intervals are counted from where they were, and
 * a due time that is being waited for is still waited for: an edit of something else loses no firing. What came due while
 * an entry was disabled is not caught up on.
 */
export function changedSettings(
  before: ScheduleRecord,
  now: Instant,
  spec: ScheduleSpec,
  input: SettingsInput,
): ScheduleSettings {
  const after = settingsAt(now, spec, input)
  if (!isSameSpec(before, spec)) return after
  const { anchorAt } = before
  const isWaiting = before.isEnabled && after.isEnabled && before.endAt === after.endAt
  const times = dueTimesOfSchedule({ spec: after.spec, anchorAt })
  return {
    ...after,
    anchorAt,
    nextDueAt: isWaiting || times === null ? before.nextDueAt : nextDueTime(after.endAt, now, times),
  }
}

/** Both go through the schema, which puts keys in one order. */
function isSameSpec(before: ScheduleRecord, spec: ScheduleSpec): boolean {
  const known = scheduleSpecSchema.safeParse(before.spec)
  return known.success && JSON.stringify(known.data) === JSON.stringify(scheduleSpecSchema.parse(spec))
}
