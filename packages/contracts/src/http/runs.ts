import { operatorTaskStates, runStates } from '@celeriac/core'
import { z } from 'zod'
import {
  countSchema,
  instantSchema,
  jsonObjectSchema,
  pageQuerySchema,
  pageSchema,
  problemSchema,
} from './common.ts'
import { named } from './schema-registry.ts'

const runFields = {
  id: z.string(),
  dag_id: z.string(),
  dag_name: z.string(),
  dag_version: z.number().int(),
  state: z.enum(runStates),
  version: z.number().int().describe("Grows with each stored change of the run's head."),
  created_at: instantSchema,
  started_at: instantSchema.nullable(),
  finished_at: instantSchema.nullable(),
}

export const runSummarySchema = named('RunSummary', z.object(runFields))
export type RunSummaryView = z.output<typeof runSummarySchema>
export const runPageSchema = pageSchema('RunPage', runSummarySchema)
export const runsQuerySchema = pageQuerySchema.extend({
  state: z.enum(runStates).optional().describe('Only runs in this state.'),
})

/** Answer to a submission. `is_new` is false when the idempotency key had already created the run. */
export const submittedRunSchema = named(
  'SubmittedRun',
  z.object({
    ...runFields,
    is_new: z.boolean(),
    operator_count: z.number().int(),
    warnings: z.array(problemSchema),
  }),
)
export type SubmittedRunView = z.output<typeof submittedRunSchema>

export const taskErrorSchema = named(
  'TaskError',
  z.object({
    code: z.string(),
    message: z.string(),
    exc_type: z.string().nullable(),
    traceback: z.string().nullable(),
    details: jsonObjectSchema,
  }),
)

export const attemptSchema = named(
  'Attempt',
  z.object({
    attempt: z.number().int(),
    outcome: z.enum(['succeeded', 'failed', 'cancelled', 'skipped']),
    started_at: instantSchema.nullable(),
    finished_at: instantSchema,
    worker: z.string().nullable(),
    error: taskErrorSchema.nullable(),
  }),
)

export const artifactSchema = named(
  'Artifact',
  z.object({ type: z.string(), uri: z.string(), rows: z.number().nullable() }),
)

export const operatorTaskSchema = named(
  'OperatorTask',
  z.object({
    id: z.string(),
    algo_name: z.string().describe('Empty for a plain task.'),
    task: z.string().nullable().describe('Name of the Celery task, when the operator is one.'),
    executor: z.string().describe('`celery` for a plain task.'),
    state: z.enum(operatorTaskStates),
    attempt: z.number().int().describe('Number of the current or last attempt; 0 before the first.'),
    worker: z.string().nullable(),
    ready_at: instantSchema.nullable(),
    started_at: instantSchema.nullable(),
    finished_at: instantSchema.nullable(),
    retry_at: instantSchema
      .nullable()
      .describe('When the next attempt is due; set exactly in the state `retry_wait`.'),
    error: taskErrorSchema.nullable(),
    progress: z.object({ current: z.number(), total: z.number(), message: z.string() }).nullable(),
    metrics: z.record(z.string(), z.number()),
    compat: z
      .array(jsonObjectSchema)
      .describe('Parameters that were dropped, renamed or rewritten for the installed libraries.'),
    outputs: z.record(z.string(), artifactSchema).describe('Output port → artifact.'),
    returned: z
      .object({ value: z.unknown(), is_cut_off: z.boolean() })
      .nullable()
      .describe('What a plain task returned; of a large value, cut off, the beginning of its JSON text.'),
    skipped: z.string().nullable().describe('Why the operator chose not to run.'),
    upstream: z.array(z.string()),
    attempts: z.array(attemptSchema).describe('Attempts before the current one, oldest first.'),
  }),
)
export type OperatorTaskView = z.output<typeof operatorTaskSchema>

export const runSchema = named(
  'Run',
  z.object({
    ...runFields,
    submitted_by: z
      .string()
      .nullable()
      .describe(
        'Name of the user, or of the token, that submitted it; `schedule:<name>`. Null: accepted by a version that did not note it.',
      ),
    operators: z.array(operatorTaskSchema),
  }),
)
export type RunView = z.output<typeof runSchema>

export const createRunBodySchema = named(
  'CreateRunBody',
  z.strictObject({
    version: z.number().int().positive().optional().describe('DAG version to run; the newest when left out.'),
  }),
)

export const rerunBodySchema = named(
  'RerunBody',
  z.strictObject({
    from: z
      .string()
      .min(1)
      .default('failed')
      .describe(
        '`failed`: all that did not succeed, and what hangs on it; else the id of the operator to start from.',
      ),
    only: z.boolean().default(false).describe('That operator alone, without what is downstream of it.'),
  }),
)

export const logsQuerySchema = z.strictObject({
  offset: countSchema(0, Number.MAX_SAFE_INTEGER)
    .default(0)
    .describe('Byte offset into the log: 0, or the `next_offset` of the page before.'),
  limit: countSchema(1, 10_000).default(1_000).describe('Most lines of the page.'),
  attempt: countSchema(1).optional().describe('Default: the current attempt.'),
})

export const logPageSchema = named(
  'LogPage',
  z.object({
    attempt: z.number().int(),
    lines: z.array(
      z.object({
        at: instantSchema,
        stream: z.enum(['stdout', 'stderr', 'system']),
        text: z.string(),
      }),
    ),
    next_offset: z.number().int(),
    complete: z
      .boolean()
      .describe('True when the attempt has ended and no line follows: a follower can stop polling.'),
  }),
)
export type LogPageView = z.output<typeof logPageSchema>

export const outputSchema = named(
  'Output',
  z.object({
    run_id: z.string(),
    operator_id: z.string(),
    port: z.number().int(),
    attempt: z.number().int(),
    type: z.string(),
    uri: z.string(),
    rows: z.number().nullable(),
    sidecar: jsonObjectSchema.describe(
      "The artifact's description: schema, statistics, metrics, charts; what it holds depends on the type.",
    ),
    preview: z
      .object({ columns: z.array(z.string()), rows: z.array(z.array(z.unknown())) })
      .nullable()
      .describe('The first rows of a table, else null.'),
  }),
)
export type OutputView = z.output<typeof outputSchema>
