import { firingCauses, firingStates } from '@celeriac/core'
import { z } from 'zod'
import { scheduleSpecSchema } from '../schedule/schedule-spec.ts'
import { scheduleSettingFields, scheduleSettingsWithDefaults } from '../schedule/schedule-settings.ts'
import { instantSchema, jsonObjectSchema, pageSchema, textSchema } from './common.ts'
import { named } from './schema-registry.ts'

export { catchUpKinds } from '../schedule/schedule-settings.ts'

/** Arguments of a scheduled task, both kinds together, as JSON. Larger things are passed by reference. 64 KiB. */
export const maxScheduledArgumentBytes = 65_536

/** Levels of lists and objects within an argument. PostgreSQL and Python recurse, and so does whoever writes JSON. */
const maxArgumentDepth = 64

const isShallow = (value: unknown, levels: number): boolean =>
  typeof value !== 'object' || value === null
    ? true
    : levels > 0 && Object.values(value).every((member) => isShallow(member, levels - 1))

const seconds = z
  .number()
  .positive()
  .max(30 * 86_400)
const count = z.number().int()

const dagTargetSchema = z.strictObject({
  dag: textSchema(200).describe('Id or name of a registered DAG.'),
  version: count
    .min(1)
    .max(2_147_483_647)
    .nullable()
    .default(null)
    .describe('DAG version; null: the newest at the time of the firing.'),
})

const taskTargetSchema = z
  .strictObject({
    task: textSchema(255).describe('Name of a Celery task.'),
    args: z.array(z.unknown()).default([]),
    kwargs: jsonObjectSchema.default({}),
    queue: textSchema(255)
      .nullable()
      .default(null)
      .describe('Queue of the task; null: the queue for plain tasks, `celery`.'),
    priority: count.min(0).max(255).default(0).describe('For queues that have priorities.'),
    expires_s: seconds
      .nullable()
      .default(null)
      .describe('A worker that gets the task later than this after the firing does not run it.'),
    time_limit_s: seconds.nullable().default(null),
    soft_time_limit_s: seconds.nullable().default(null),
    ignore_result: z.boolean().default(false),
  })
  .superRefine(({ args, kwargs }, context) => {
    const refuse = (message: string) => context.addIssue({ code: 'custom', message, path: ['kwargs'] })
    if (!isShallow([args, kwargs], maxArgumentDepth + 2)) refuse('args and kwargs are nested too deep')
    else if (new TextEncoder().encode(JSON.stringify([args, kwargs])).length > maxScheduledArgumentBytes)
      refuse('args and kwargs take more than 64 KiB')
  })

/** What a schedule starts: a run of a DAG, or a plain task. */
export const scheduleTargetSchema = z.union([dagTargetSchema, taskTargetSchema], {
  error: ({ input }) => targetProblem(input),
})
export type ScheduleTargetView = z.output<typeof scheduleTargetSchema>

/** What is wrong, by the kind of target that was meant. */
function targetProblem(input: unknown): string {
  const given = typeof input === 'object' && input !== null ? input : {}
  const meant = 'dag' in given ? dagTargetSchema : 'task' in given ? taskTargetSchema : null
  const issue = meant?.safeParse(input).error?.issues[0]
  if (issue === undefined) return 'a target is {dag} or {task}'
  const place = issue.path.map(String).join('.')
  return place === '' ? issue.message : `${place}: ${issue.message}`
}

export const scheduleNameSchema = textSchema(200)

/** A schedule without its name, which the path says. */
export const putScheduleBodySchema = named(
  'PutScheduleBody',
  z.strictObject({
    when: scheduleSpecSchema,
    target: scheduleTargetSchema,
    ...scheduleSettingsWithDefaults,
  }),
)
export type PutScheduleBody = z.output<typeof putScheduleBodySchema>

export const createScheduleBodySchema = named(
  'CreateScheduleBody',
  z.strictObject({
    name: scheduleNameSchema,
    when: scheduleSpecSchema,
    target: scheduleTargetSchema,
    ...scheduleSettingsWithDefaults,
  }),
)

/** What is left out stays as it is. */
export const patchScheduleBodySchema = named(
  'PatchScheduleBody',
  z
    .strictObject({
      when: scheduleSpecSchema,
      target: scheduleTargetSchema,
      ...scheduleSettingFields,
    })
    .partial(),
)
export type PatchScheduleBody = z.output<typeof patchScheduleBodySchema>

export const scheduleSchema = named(
  'Schedule',
  z.object({
    name: z.string(),
    when: jsonObjectSchema.describe('`{cron, timezone}`, `{every}` or `{solar}`.'),
    target: jsonObjectSchema.describe('`{dag, …}` or `{task, …}`.'),
    catch_up: scheduleSettingFields.catch_up,
    catch_up_limit: scheduleSettingFields.catch_up_limit,
    overlap: scheduleSettingFields.overlap,
    overlap_limit_s: z.number(),
    end_at: instantSchema.nullable(),
    enabled: z.boolean(),
    origin: z
      .enum(['api', 'document'])
      .describe('`document`: the DAG document has it; only `enabled` can be changed here.'),
    version: count.describe('Grows with each edit.'),
    next_due_at: instantSchema
      .nullable()
      .describe('Null: it has ended. Of a disabled schedule without meaning.'),
    last_due_at: instantSchema.nullable(),
    created_at: instantSchema,
    updated_at: instantSchema,
  }),
)
export type ScheduleView = z.output<typeof scheduleSchema>
export const schedulePageSchema = pageSchema('SchedulePage', scheduleSchema)

export const firingSchema = named(
  'Firing',
  z.object({
    id: z.string(),
    due_at: instantSchema,
    cause: z.enum(firingCauses),
    state: z
      .enum(firingStates)
      .describe(
        '`waiting` for earlier ones; `started`: the run exists, the task is sent; `skipped` by a policy; `failed`: could not be started.',
      ),
    reason: z
      .string()
      .nullable()
      .describe(
        '`missed`, `overlap`, `queue_full`, `superseded`, `disabled`, `open_runs`; of a failed one the error code.',
      ),
    message: z.string().nullable().describe('Of a failed one: what was wrong.'),
    run_id: z.string().nullable().describe('The run that it started.'),
    task_id: z.string().nullable().describe('The task that it started.'),
    created_at: instantSchema,
    started_at: instantSchema.nullable(),
  }),
)
export type FiringView = z.output<typeof firingSchema>
export const firingPageSchema = pageSchema('FiringPage', firingSchema)
