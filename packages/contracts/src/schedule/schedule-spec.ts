import { z } from 'zod'
import { parseDurationMs } from '../dag-document/duration.ts'
import { cronProblem, isTimeZone } from './cron-times.ts'
import { solarEvents } from './solar-times.ts'

const timeZoneSchema = z
  .string()
  .max(64)
  .refine(isTimeZone, { error: 'not a time zone; use an IANA name such as Europe/Berlin, or UTC' })

const cronSchema = z
  .string()
  .max(200)
  .superRefine((expression, context) => {
    const problem = cronProblem(expression)
    if (problem !== null) context.addIssue({ code: 'custom', message: problem })
  })

/** Shorter intervals are work for a task that loops. */
const minIntervalMs = 1_000
/** Ten years: what is longer is a slip, and soon beyond every calendar. */
const maxIntervalMs = 3_650 * 86_400_000

const everySchema = z.union([z.string().max(40), z.number()]).superRefine((value, context) => {
  const durationMs = parseDurationMs(value)
  if (durationMs === null)
    context.addIssue({ code: 'custom', message: 'not a duration; write 30, "30s", "15m" or "1h30m"' })
  else if (durationMs < minIntervalMs)
    context.addIssue({ code: 'custom', message: 'an interval is one second at least' })
  else if (durationMs > maxIntervalMs)
    context.addIssue({ code: 'custom', message: 'an interval is ten years at most' })
})

const solarSchema = z.strictObject({
  event: z.enum(solarEvents),
  latitude: z.number().min(-90).max(90),
  longitude: z.number().min(-180).max(180),
})

const cronSpec = z.strictObject({ cron: cronSchema, timezone: timeZoneSchema.default('UTC') })
const intervalSpec = z.strictObject({ every: everySchema })
const solarSpec = z.strictObject({ solar: solarSchema })

/**
 * When something is due, as users write it: a cron expression of five fields (`@daily` and the like too), an interval,
 * or an event of the sun. Times are UTC unless `timezone` says otherwise.
 */
export const scheduleSpecSchema = z.union([cronSpec, intervalSpec, solarSpec], {
  error: ({ input }) => specProblem(input),
})
export type ScheduleSpec = z.output<typeof scheduleSpecSchema>

/** What is wrong, by the kind of schedule that was meant: a union alone would say that none of three fits. */
function specProblem(input: unknown): string {
  const given = typeof input === 'object' && input !== null ? input : {}
  const meant =
    'cron' in given ? cronSpec : 'every' in given ? intervalSpec : 'solar' in given ? solarSpec : null
  const issue = meant?.safeParse(input).error?.issues[0]
  if (issue === undefined) return 'one of cron, every and solar is expected'
  const place = issue.path.map(String).join('.')
  return place === '' ? issue.message : `${place}: ${issue.message}`
}
