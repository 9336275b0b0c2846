import { operatorTaskStates, runStates } from '@celeriac/core'
import { z } from 'zod'
import { instantSchema, jsonObjectSchema, pageQuerySchema, pageSchema, problemSchema } from './common.ts'
import { named } from './schema-registry.ts'

const runFields = {
  id: z.string(),
  dag_id: z.string(),
  dag_name: z.string(),
  dag_version: z.number().int(),
  state: z.enum(runStates),
  /** Grows with each stored change of the run's head. */
  version: z.number().int(),
  created_at: instantSchema,
  started_at: instantSchema.nullable(),
  finished_at: instantSchema.nullable(),
}

export const runSummarySchema = named('RunSummary', z.object(runFields))
export type RunSummaryView = z.output<typeof runSummarySchema>
export const runPageSchema = pageSchema('RunPage', runSummarySchema)
export const runsQuerySchema = pageQuerySchema.extend({ state: z.enum(runStates).optional() })

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
    algo_name: z.string(),
    executor: z.string(),
    state: z.enum(operatorTaskStates),
    /** Number of the current or last attempt; 0 before the first. */
    attempt: z.number().int(),
    worker: z.string().nullable(),
    ready_at: instantSchema.nullable(),
    started_at: instantSchema.nullable(),
    finished_at: instantSchema.nullable(),
    /** When the next attempt is due; set exactly in the state `retry_wait`. */
    retry_at: instantSchema.nullable(),
    error: taskErrorSchema.nullable(),
    progress: z.object({ current: z.number(), total: z.number(), message: z.string() }).nullable(),
    metrics: z.record(z.string(), z.number()),
    /** Parameters that were dropped, renamed or rewritten for the installed libraries. */
    compat: z.array(jsonObjectSchema),
    /** Output port → artifact. */
    outputs: z.record(z.string(), artifactSchema),
    /** Why the operator chose not to run. */
    skipped: z.string().nullable(),
    upstream: z.array(z.string()),
    /** Attempts before the current one, oldest first. */
    attempts: z.array(attemptSchema),
  }),
)
export type OperatorTaskView = z.output<typeof operatorTaskSchema>

export const runSchema = named('Run', z.object({ ...runFields, operators: z.array(operatorTaskSchema) }))
export type RunView = z.output<typeof runSchema>

export const createRunBodySchema = named(
  'CreateRunBody',
  z.strictObject({
    /** DAG version to run; the newest when left out. */
    version: z.number().int().positive().optional(),
  }),
)

export const rerunBodySchema = named(
  'RerunBody',
  z.strictObject({
    /** `failed`: all that did not succeed, and what hangs on it; else the id of the operator to start from. */
    from: z.string().min(1).default('failed'),
    /** That operator alone, without what is downstream of it. */
    only: z.boolean().default(false),
  }),
)

export const logsQuerySchema = z.strictObject({
  /** Byte offset into the log: 0, or the `next_offset` of the page before. */
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(10_000).default(1_000),
  /** Default: the current attempt. */
  attempt: z.coerce.number().int().min(1).optional(),
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
    /** True when the attempt has ended and no line follows: a follower can stop polling. */
    complete: z.boolean(),
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
    /** The artifact's description: schema, statistics, metrics, charts; what it holds depends on the type. */
    sidecar: jsonObjectSchema,
    /** The first rows of a table, else null. */
    preview: z.object({ columns: z.array(z.string()), rows: z.array(z.array(z.unknown())) }).nullable(),
  }),
)
export type OutputView = z.output<typeof outputSchema>
