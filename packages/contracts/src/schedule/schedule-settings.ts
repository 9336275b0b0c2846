import { overlapPolicies } from '@celeriac/core'
import { z } from 'zod'

export const catchUpKinds = ['none', 'last', 'all'] as const

/** Due times that are caught up on at most, whatever the downtime. */
export const maxCatchUp = 1_000

/** Within every calendar that has to write it. */
const endSchema = z.iso
  .datetime({ offset: true })
  .refine((at) => Date.parse(at) >= Date.UTC(1970) && Date.parse(at) < Date.UTC(9999), {
    message: 'a time from 1970 to 9998 is expected',
  })

/** What a schedule says besides its times; without defaults, so that a change may name some of it only. */
export const scheduleSettingFields = {
  catch_up: z
    .enum(catchUpKinds)
    .describe(
      'Due times that passed while no scheduler ran. `none`: dropped when late by more than a minute; `last`: the latest is fired, however late; `all`: the latest `catch_up_limit` are fired, oldest first.',
    ),
  catch_up_limit: z
    .number()
    .int()
    .min(1)
    .max(maxCatchUp)
    .describe('Of `catch_up: all`: due times that are caught up on at most.'),
  overlap: z
    .enum(overlapPolicies)
    .describe(
      'While an earlier firing still runs. `allow`: start beside it; `skip`: do not start; `queue`: start when it has ended (100 wait at most); `cancel_previous`: cancel it, then start.',
    ),
  overlap_limit_s: z
    .number()
    .int()
    .min(1)
    .max(30 * 86_400)
    .describe(
      'A plain task whose result has not come to the database after this time counts as ended. Seconds.',
    ),
  end_at: endSchema.nullable().describe('No due time after this moment counts.'),
  enabled: z.boolean().describe('False: nothing is fired; what comes due meanwhile is not caught up on.'),
} as const

/** What holds where nothing is said. */
export const scheduleDefaults = {
  catch_up: 'last',
  catch_up_limit: 100,
  overlap: 'allow',
  overlap_limit_s: 3_600,
  end_at: null,
  enabled: true,
} as const satisfies {
  [K in keyof typeof scheduleSettingFields]: z.output<(typeof scheduleSettingFields)[K]>
}

/** The same with defaults: for entries that are made or replaced. */
export const scheduleSettingsWithDefaults = {
  catch_up: scheduleSettingFields.catch_up.default(scheduleDefaults.catch_up),
  catch_up_limit: scheduleSettingFields.catch_up_limit.default(scheduleDefaults.catch_up_limit),
  overlap: scheduleSettingFields.overlap.default(scheduleDefaults.overlap),
  overlap_limit_s: scheduleSettingFields.overlap_limit_s.default(scheduleDefaults.overlap_limit_s),
  end_at: scheduleSettingFields.end_at.default(scheduleDefaults.end_at),
  enabled: scheduleSettingFields.enabled.default(scheduleDefaults.enabled),
} as const
