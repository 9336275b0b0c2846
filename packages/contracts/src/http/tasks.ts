import { operatorTaskStates } from '@celeriac/core'
import { z } from 'zod'
import { instantSchema, jsonObjectSchema } from './common.ts'
import { artifactSchema, logPageSchema, logsQuerySchema } from './runs.ts'
import { named } from './schema-registry.ts'

/** Celery's states, and QUEUED between PENDING and STARTED. */
export const taskStates = [
  /** Accepted; it waits until other runs have ended. */
  'PENDING',
  /** May run; nothing of it has started. */
  'QUEUED',
  /** Something of it has started. */
  'STARTED',
  /** It runs, and has come some way. */
  'PROGRESS',
  /** Nothing of it runs: a stage waits for its next attempt. */
  'RETRY',
  'SUCCESS',
  'FAILURE',
  /** It was cancelled. */
  'REVOKED',
] as const
export type TaskState = (typeof taskStates)[number]

const endStates = ['SUCCESS', 'FAILURE', 'REVOKED'] as const
export const isEndTaskState = (state: TaskState): boolean => (endStates as readonly string[]).includes(state)

const progressFields = { n: z.number(), total: z.number(), message: z.string() }

export const taskStageSchema = named(
  'TaskStage',
  z.object({
    id: z.string().describe('Id of the operator.'),
    algo_name: z.string(),
    state: z.enum(operatorTaskStates),
    attempt: z.int(),
    progress: z
      .object(progressFields)
      .nullable()
      .describe('As the operator tells it: trees, iterations, rows.'),
  }),
)
export type TaskStageView = z.output<typeof taskStageSchema>

const progressSchema = z.object({
  ...progressFields,
  percent: z.number().min(0).max(100),
})

const statusFields = {
  id: z.string(),
  state: z.enum(taskStates),
  is_cancelling: z.boolean().describe('A cancel was accepted; what runs is being stopped.'),
  progress: progressSchema.describe(
    '`total` is the number of stages; `n` of them are done, the part that is done of a running one included.',
  ),
}

const artifactAtSchema = z.object({
  operator_id: z.string(),
  port: z.int(),
  ...artifactSchema.shape,
  url: z.string().describe('Where its description is.'),
})

export const taskResultViewSchema = named(
  'TaskOutcome',
  z.object({
    model: z
      .object({ name: z.string(), version: z.int() })
      .nullable()
      .describe('The model version that was registered, the last one of several.'),
    metrics: z
      .record(z.string(), z.number())
      .describe('Of training and evaluation; where both have one of a name, that of the evaluation.'),
    outputs: z.array(artifactAtSchema).describe('Outputs of the last stages, and models.'),
    value: z.unknown().describe('What a plain task returned; null for runs.'),
  }),
)
export type TaskResultView = z.output<typeof taskResultViewSchema>

const errorSchema = z.object({
  code: z.string(),
  message: z.string(),
  traceback: z.string().nullable(),
  operator_id: z.string().nullable().describe('The stage that failed; null for plain tasks.'),
  details: jsonObjectSchema,
})

export const taskSchema = named(
  'Task',
  z.object({
    ...statusFields,
    run_id: z.string().nullable().describe('Null for a plain task.'),
    dag_name: z.string().nullable(),
    stages: z.array(taskStageSchema).describe('In the order of the document.'),
    result: taskResultViewSchema.nullable().describe('Set exactly in SUCCESS.'),
    error: errorSchema.nullable().describe('Of the stage that failed first.'),
    created_at: instantSchema.nullable(),
    started_at: instantSchema.nullable(),
    finished_at: instantSchema.nullable(),
  }),
)
export type TaskView = z.output<typeof taskSchema>

export const taskOutcomeSchema = named(
  'EndedTask',
  taskSchema.pick({ id: true, state: true, run_id: true, result: true, error: true, finished_at: true }),
)

/** How a task goes on: its status as it is now, and the stage that this is about. */
export const taskNewsSchema = named(
  'TaskNews',
  z.object({ ...statusFields, stage: taskStageSchema.nullable() }),
)
export type TaskNewsView = z.output<typeof taskNewsSchema>

/** Kinds of events, with what their data holds. */
export const taskEventData = { task: taskSchema, progress: taskNewsSchema, end: taskSchema } as const

const eventOf = <const N extends string, S extends z.ZodType>(event: N, data: S) =>
  z.object({ event: z.literal(event), id: z.string(), data })

/** The first event is `task`; `end` is the last one, sent when the task has ended. */
export const taskEventSchema = z.discriminatedUnion('event', [
  eventOf('task', taskEventData.task),
  eventOf('progress', taskEventData.progress),
  eventOf('end', taskEventData.end),
])
export type TaskEventView = z.output<typeof taskEventSchema>

export const taskLogsQuerySchema = logsQuerySchema.extend({
  stage: z
    .string()
    .min(1)
    .max(300)
    .optional()
    .describe('Id of the operator. Default: the first one that trains, else the last one.'),
})

export const taskLogPageSchema = named('TaskLogPage', logPageSchema.extend({ stage: z.string() }))
export type TaskLogPageView = z.output<typeof taskLogPageSchema>
