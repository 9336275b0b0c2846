import {
  nextDueTime,
  planFirings,
  type CatchUp,
  type DueTimes,
  type FiringPlan,
  type Instant,
  type JsonObject,
  type ScheduleRecord,
  type ScheduleSettings,
} from '@celeriac/core'
import {
  dueTimesOf,
  scheduleSpecSchema,
  type ScheduleSettingsInput,
  type ScheduleSpec,
} from '@celeriac/contracts'
import { derivedId } from '@celeriac/runtime'

/** The id of the firing of a due time, and of the run or task that it starts: the same whoever fires it. */
export const firingId = (scheduleId: string, dueAt: Instant): string =>
  derivedId(new Date(dueAt).toISOString(), scheduleId)

/** Null: this version cannot read the entry's times (a time zone that is not known here, for example). */
export function dueTimesOfSchedule(schedule: Pick<ScheduleRecord, 'spec' | 'anchorAt'>): DueTimes | null {
  const spec = scheduleSpecSchema.safeParse(schedule.spec)
  return spec.success ? dueTimesOf(spec.data, schedule.anchorAt) : null
}

/** What is to be fired of an entry at `now`; null: its times cannot be read. */
export function planOf(schedule: ScheduleRecord, now: Instant): FiringPlan | null {
  const times = dueTimesOfSchedule(schedule)
  return times === null ? null : planFirings(schedule, now, times)
}

/** Settings as they are kept. Intervals are counted from `now`, and what was due before does not count. */
export function settingsAt(
  now: Instant,
  spec: ScheduleSpec,
  input: ScheduleSettingsInput & { readonly enabled: boolean },
): ScheduleSettings {
  const endAt = input.end_at === null ? null : Date.parse(input.end_at)
  return {
    spec: spec as unknown as JsonObject,
    catchUp: catchUpOf(input),
    overlap: input.overlap,
    overlapLimitMs: input.overlap_limit_s * 1_000,
    endAt,
    isEnabled: input.enabled,
    anchorAt: now,
    nextDueAt: nextDueTime(endAt, now, dueTimesOf(spec, now)),
  }
}

const catchUpOf = (input: Pick<ScheduleSettingsInput, 'catch_up' | 'catch_up_limit'>): CatchUp =>
  input.catch_up === 'all' ? { kind: 'all', limit: input.catch_up_limit } : { kind: input.catch_up }
