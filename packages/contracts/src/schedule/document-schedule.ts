import { z } from 'zod'
import { scheduleSpecSchema, type ScheduleSpec } from './schedule-spec.ts'
import { scheduleSettingsWithDefaults } from './schedule-settings.ts'

/** `schedule` of a DAG document beside its times: `{cron, timezone}`, `{every}` or `{solar}` stand among them. */
// Not `enabled`: a document that pauses its own schedule could never be told from somebody who did.
const { enabled: _, ...documentFields } = scheduleSettingsWithDefaults
const settingsSchema = z.object(documentFields)
export type ScheduleSettingsInput = z.output<typeof settingsSchema>

export interface DocumentSchedule {
  readonly spec: ScheduleSpec
  readonly settings: ScheduleSettingsInput
}

const settingNames: ReadonlySet<string> = new Set(Object.keys(documentFields))

/**
 * `schedule` of a DAG document: a cron expression, or a mapping of its times and settings. Problems come as
 * `[path below schedule, message]`.
 */
export function readDocumentSchedule(
  value: unknown,
): DocumentSchedule | { readonly problems: readonly (readonly [readonly string[], string])[] } {
  const given = typeof value === 'string' ? { cron: value } : value
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return { problems: [[[], 'a cron expression or a mapping with cron, every or solar is expected']] }
  const entries = Object.entries(given)
  const pick = (isSetting: boolean): object =>
    Object.fromEntries(entries.filter(([key]) => settingNames.has(key) === isSetting))
  const spec = scheduleSpecSchema.safeParse(pick(false))
  const settings = settingsSchema.safeParse(pick(true))
  if (spec.success && settings.success) return { spec: spec.data, settings: settings.data }
  const issues = [...(spec.error?.issues ?? []), ...(settings.error?.issues ?? [])]
  return { problems: issues.map((issue) => [issue.path.map(String), issue.message] as const) }
}
