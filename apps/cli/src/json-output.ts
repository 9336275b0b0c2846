/**
 * What each command prints with `--json`: the contract for programs. `docs/reference/json-output.md` is printed from
 * this table, and a test holds the commands to it on a running platform.
 */
import {
  auditPageSchema,
  callerSchema,
  createdTokenSchema,
  loggedOutSchema,
  tokenPageSchema,
  tokenSchema,
  userPageSchema,
  userSchema,
  algorithmListSchema,
  algorithmSchema,
  datasetPageSchema,
  datasetSchema,
  firingPageSchema,
  firingSchema,
  logPageSchema,
  modelChangePageSchema,
  modelDriftSchema,
  modelPageSchema,
  modelRouteSchema,
  modelSchema,
  modelStateAnswerSchema,
  operatorExplanationSchema,
  predictionSchema,
  problemSchema,
  queueListSchema,
  retentionPreviewSchema,
  retentionSchema,
  runExplanationSchema,
  runPageSchema,
  runSchema,
  schedulePageSchema,
  scheduleSchema,
  submittedRunSchema,
  submittedTaskSchema,
  taskSchema,
  validationSchema,
  workerListSchema,
} from '@celeriac/contracts/http'
import { z } from 'zod'
import { exitCodes, type ExitReason } from './exit-codes.ts'

export interface JsonOutput {
  /** `document`: one JSON document. `lines`: JSON lines, one document each, as they come. */
  readonly form: 'document' | 'lines'
  readonly schema: z.ZodType
  readonly note?: string
}

export const logLineSchema = z.object({
  attempt: z.int().describe('Number of the attempt that wrote the line.'),
  ...logPageSchema.shape.lines.element.shape,
})

export const generatedSchema = z.object({
  file: z.string(),
  kind: z.literal('credit-default'),
  rows: z.int(),
  seed: z.int(),
})

export const downloadedModelSchema = z.object({
  file: z.string(),
  bytes: z.int(),
  name: z.string(),
  version: z.int(),
})

export const migratedSchema = z.object({
  applied: z.array(z.string()).describe('Names of the migrations that were applied now.'),
})

export const migrationStatusSchema = z.object({
  state: z.enum(['current', 'older', 'newer']).describe('older: migrations are pending.'),
  applied: z.array(z.string()),
  pending: z.array(z.object({ name: z.string(), kind: z.enum(['compatible', 'breaking']) })),
  unknown: z.array(z.string()).describe('In the database, but not known to this version.'),
  breaking: z
    .array(z.string())
    .describe('Those of `unknown` because of which this version refuses the database.'),
})

/** The first and only line of a service on standard output; its log goes to standard error. */
export const readySchema = z.object({
  service: z.enum(['standalone', 'scheduler', 'worker']),
  version: z.string(),
  url: z
    .string()
    .nullable()
    .describe('Address of the API; of a worker: of its /metrics, null when they are not served.'),
  name: z.string().nullable().describe('Node name of a worker, else null.'),
  token_file: z.string().nullable().describe('File with the admin token, when the service keeps it in one.'),
})

export const demoSchema = z.object({
  run: runSchema,
  predictions: z.array(
    z.object({
      model: z.string(),
      version: z.int(),
      prediction: z.unknown(),
      probability: z.number().nullable(),
      truth: z.unknown(),
      took_ms: z.number(),
    }),
  ),
})

const anyJson = z.unknown().describe('As the worker gives it.')

export const inspectionSchema = z.object({
  replies: z.record(z.string(), anyJson).describe('Answers by worker, as Celery gives them.'),
})

export const controlSchema = z.object({
  replies: z
    .record(z.string(), z.object({ ok: anyJson, error: z.string().nullable() }))
    .describe('By worker: what it did, or why it did not. Empty for commands that workers do not answer.'),
})

/** Of `celeryev`, with whatever else its sender put into it. */
export const eventLineSchema = z.looseObject({
  type: z.string().describe('task-received, worker-heartbeat …'),
  hostname: z.string().nullish().describe('Node name of the worker.'),
  timestamp: z.number().describe('Unix time in seconds.'),
  clock: z.number().describe('Logical time: an event that knows of another has a higher one.'),
})

export const calledSchema = z.object({ task_id: z.string() })

export const calledResultSchema = z.object({
  task_id: z.string(),
  status: z.enum(['SUCCESS', 'FAILURE', 'REVOKED']),
  result: z.unknown().describe('What the task returned; null when it failed.'),
  error: z.object({ type: z.string(), message: z.string(), traceback: z.string().nullable() }).nullable(),
})

export const purgedSchema = z.object({
  queues: z.array(z.object({ queue: z.string(), messages: z.int().describe('Messages that were dropped.') })),
})

export const parkedListSchema = z.object({
  messages: z.array(
    z.object({
      id: z.string().describe('For `parked replay --id`; equal copies have the same.'),
      reason: z
        .string()
        .describe('Error code (errors.md), or `unknown_version`: newer code may understand it.'),
      problem: z.string(),
      queue: z.string().describe('Where it came from.'),
      type: z.string().nullable().describe('Event, AMQP type, name of the task, or state of the attempt.'),
      parked_at: z.iso.datetime().nullable().describe('null: an older version parked it.'),
      run_id: z.string().nullable(),
      attempt_id: z.string().nullable(),
      body_bytes: z.int(),
      replayable: z
        .boolean()
        .describe('false: it was cut down to be parked, or does not say where it came from.'),
    }),
  ),
})

export const replayedSchema = z.object({
  messages: z.array(
    z.object({
      id: z.string(),
      queue: z.string(),
      outcome: z
        .enum(['replayed', 'not_whole', 'no_queue', 'failed', 'not_found'])
        .describe('All but `replayed` stay parked.'),
    }),
  ),
})

export const loggedInSchema = z.object({
  username: z.string(),
  role: userSchema.shape.role,
  expires_at: z.string(),
  file: z.string().describe('Where the token is kept. The token itself is not printed.'),
})

/** On standard error when a command fails; standard output is then empty, but for lines that were printed before. */
export const faultSchema = z.object({
  error: z.object({
    reason: z.enum(Object.keys(exitCodes) as [ExitReason, ...ExitReason[]]),
    code: z.string().nullable().describe('Error code of the platform (errors.md), where there is one.'),
    message: z.string(),
    hint: z.string().nullable(),
    problems: z.array(problemSchema),
    details: z.record(z.string(), z.unknown()),
  }),
})

const document = (schema: z.ZodType, note?: string): JsonOutput => ({
  form: 'document',
  schema,
  ...(note === undefined ? {} : { note }),
})
const ready: JsonOutput = {
  form: 'lines',
  schema: readySchema,
  note: 'One line, when the service is ready.',
}

/** By command, with the option or argument that changes the shape. */
export const jsonOutputs = {
  standalone: ready,
  scheduler: ready,
  worker: ready,
  migrate: document(migratedSchema),
  'migrate --status': document(migrationStatusSchema),
  demo: document(demoSchema, 'The narrative goes to standard error.'),
  validate: document(validationSchema, 'Also when the document has problems (exit code 4).'),
  run: document(submittedRunSchema),
  'run --watch': document(runSchema, 'The finished run.'),
  runs: document(runPageSchema),
  status: document(runSchema),
  'status --watch': document(runSchema, 'The finished run.'),
  cancel: document(runSchema),
  rerun: document(runSchema),
  'rerun --watch': document(runSchema, 'The finished run.'),
  logs: { form: 'lines', schema: logLineSchema },
  explain: document(runExplanationSchema),
  'explain <operator>': document(operatorExplanationSchema),
  'schedules list': document(schedulePageSchema),
  'schedules show': document(scheduleSchema),
  'schedules add': document(scheduleSchema),
  'schedules remove': document(scheduleSchema, 'The schedule as it was.'),
  'schedules enable': document(scheduleSchema),
  'schedules disable': document(scheduleSchema),
  'schedules trigger': document(firingSchema),
  'schedules firings': document(firingPageSchema),
  'datasets add': document(datasetSchema),
  'datasets list': document(datasetPageSchema),
  'datasets show': document(datasetSchema),
  'datasets provide': document(datasetSchema),
  'datasets generate': document(
    generatedSchema,
    'With --out only: else standard output is the table itself.',
  ),
  algorithms: document(algorithmListSchema),
  'algorithms <name>': document(algorithmSchema),
  models: document(modelPageSchema),
  'models show': document(modelSchema),
  'models promote': document(modelStateAnswerSchema),
  'models rollback': document(modelStateAnswerSchema),
  'models alias set': document(modelStateAnswerSchema),
  'models alias remove': document(modelStateAnswerSchema),
  'models traffic': document(modelRouteSchema),
  'models archive': document(modelSchema),
  'models restore': document(modelSchema),
  'models delete': document(modelSchema, 'The version as it was.'),
  'models download': document(downloadedModelSchema),
  'models changes': document(modelChangePageSchema),
  'models drift': document(modelDriftSchema),
  predict: document(predictionSchema),
  train: document(submittedTaskSchema),
  'train --watch': document(taskSchema, 'The task when it has ended.'),
  'batch-predict': document(submittedTaskSchema),
  'batch-predict --watch': document(taskSchema, 'The task when it has ended.'),
  'task show': document(taskSchema),
  'task watch': document(taskSchema, 'The task when it has ended.'),
  'task cancel': document(taskSchema),
  'task logs': { form: 'lines', schema: logLineSchema },
  workers: document(workerListSchema),
  queues: document(queueListSchema),
  retention: document(retentionSchema, 'When the pass has ended.'),
  'retention --dry-run': document(retentionPreviewSchema),
  login: document(loggedInSchema),
  logout: document(loggedOutSchema),
  password: document(loggedOutSchema),
  whoami: document(callerSchema),
  'users list': document(userPageSchema),
  'users add': document(userSchema),
  'users set-role': document(userSchema),
  'users disable': document(userSchema),
  'users enable': document(userSchema),
  'users reset-password': document(userSchema),
  'tokens list': document(tokenPageSchema),
  'tokens create': document(createdTokenSchema, 'The token itself, shown this once.'),
  'tokens revoke': document(tokenSchema),
  audit: document(auditPageSchema),
  inspect: document(inspectionSchema),
  control: document(controlSchema),
  events: { form: 'lines', schema: eventLineSchema },
  call: document(calledSchema),
  'call --wait': document(calledResultSchema, 'Also when the task failed (exit code 1).'),
  purge: document(purgedSchema),
  'parked list': document(parkedListSchema),
  'parked replay': document(replayedSchema, 'Also when some stay (exit code 1) or are not found (3).'),
} as const satisfies Record<string, JsonOutput>
