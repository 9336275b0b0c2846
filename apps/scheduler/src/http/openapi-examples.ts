/** Examples of the OpenAPI document. A test checks each against its schema, and that none is missing. */

import { accountExamples } from './openapi-account-examples.ts'
import { inferenceExamples } from './openapi-inference-examples.ts'
import { irisExamples } from './openapi-iris-examples.ts'
import { taskExamples } from './openapi-task-examples.ts'
import { modelExamples } from './openapi-model-examples.ts'

const runId = '01a1fc1c-c625-74b9-83de-9685714d747d'
const dagId = '6fed062e-8d2d-47f4-85fd-012311453373'
const createdAt = '2026-11-21T02:50:00.000Z'
const startedAt = '2026-11-21T02:50:00.040Z'
const finishedAt = '2026-11-21T02:50:01.210Z'
const document = {
  name: 'first',
  dag: {
    operator_list: ['read', 'select'],
    operator_rels: { read: [{ target: 'select', source_index: 0, target_index: 0 }] },
    operator_details: {
      read: { algo_name: 'algo_local_read_file', params: { data_id: 7 } },
      select: { algo_name: 'algo_local_select_columns', params: { include: ['age', 'balance'] } },
    },
  },
}
const source = JSON.stringify(document)

/** By media type of the request. */
export const bodyExamples: Readonly<Record<string, unknown>> = Object.fromEntries(
  ['application/yaml', 'text/yaml', 'application/x-yaml', 'text/x-yaml'].map((type) => [type, document]),
)

const problem = {
  code: 'unknown_parameter',
  severity: 'error',
  message: 'algo_local_model_2c_l: there is no parameter "solvr"; did you mean solver?',
  line: 23,
  column: 57,
  path: 'dag.operator_details.fit.params.solvr',
  suggestion: 'solver',
}
const dagSummary = {
  id: dagId,
  name: 'first',
  version: 1,
  content_hash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  created_at: createdAt,
}
const dagOperator = {
  id: 'read',
  algo_name: 'algo_local_read_file',
  task: null,
  executor: 'local',
  params: { data_id: 7 },
  upstream: [],
  trigger_rule: 'all_success',
  retries: 0,
  timeout_s: null,
}
const runSummary = {
  id: runId,
  dag_id: dagId,
  dag_name: 'first',
  dag_version: 1,
  state: 'succeeded',
  version: 4,
  created_at: createdAt,
  started_at: startedAt,
  finished_at: finishedAt,
}
const taskError = {
  code: 'TASK_FAILED',
  message: 'no such column: blance',
  exc_type: 'KeyError',
  traceback: null,
  details: {},
}
const attempt = {
  attempt: 1,
  outcome: 'failed',
  started_at: startedAt,
  finished_at: '2026-11-21T02:50:00.400Z',
  worker: 'worker-1@host',
  error: taskError,
}
const artifact = { type: 'Table', uri: `file:///mnt/celeriac/runs/${runId}/select/2/0`, rows: 24_000 }
const operatorTask = {
  id: 'select',
  algo_name: 'algo_local_select_columns',
  task: null,
  executor: 'local',
  state: 'succeeded',
  attempt: 2,
  worker: 'worker-1@host',
  ready_at: startedAt,
  started_at: '2026-11-21T02:50:01.100Z',
  finished_at: finishedAt,
  retry_at: null,
  error: null,
  progress: { current: 24_000, total: 24_000, message: 'rows' },
  metrics: {},
  compat: [],
  outputs: { '0': artifact },
  returned: null,
  skipped: null,
  upstream: ['read'],
  attempts: [attempt],
}
const run = { ...runSummary, submitted_by: 'ada', operators: [operatorTask] }
const runChange = {
  id: runId,
  state: 'running',
  version: 2,
  started_at: startedAt,
  finished_at: null,
}
const operatorChange = {
  id: 'select',
  state: 'running',
  attempt: 2,
  worker: 'worker-1@host',
  ready_at: startedAt,
  started_at: '2026-11-21T02:50:01.100Z',
  finished_at: null,
  retry_at: null,
  progress: { current: 12_000, total: 24_000, message: 'rows' },
  metrics: {},
  skipped: null,
  error: null,
}
const runEnd = { id: runId, state: 'succeeded', version: 4 }
const dataset = {
  id: 7,
  name: 'tumours',
  format: 'csv',
  uri: 'file:///mnt/celeriac/datasets/9f86d081.csv',
  bytes: 125_440,
  rows: 569,
  sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  rename: {},
  columns: [{ name: 'diagnosis', type: 'string', nulls: 0 }],
  created_at: createdAt,
}
const algorithm = {
  algo_name: 'algo_local_select_columns',
  cn_name: '选择列',
  en_name: 'Select columns',
  category: 'preprocess',
  executor: 'local',
  params: { type: 'object', properties: { include: { type: 'array', items: { type: 'string' } } } },
}
const worker = {
  name: 'worker-1@host',
  alive: true,
  pid: 4_711,
  queues: ['celeriac.local', 'celeriac.predict'],
  concurrency: 4,
  active: 1,
  processed: 812,
  software: 'celeriac 0.1.0',
  last_seen_at: finishedAt,
}
const schedule = {
  when: { cron: '0 2 * * *', timezone: 'Europe/Berlin' },
  target: { dag: 'first', version: null },
  catch_up: 'last',
  catch_up_limit: 100,
  overlap: 'skip',
  overlap_limit_s: 3_600,
  end_at: null,
  enabled: true,
}
const scheduled = {
  name: 'nightly',
  ...schedule,
  origin: 'api',
  version: 1,
  next_due_at: '2026-11-22T01:00:00.000Z',
  last_due_at: null,
  created_at: createdAt,
  updated_at: createdAt,
}
const firing = {
  id: runId,
  due_at: '2026-11-21T01:00:00.000Z',
  cause: 'due',
  state: 'started',
  reason: null,
  message: null,
  run_id: runId,
  task_id: null,
  created_at: createdAt,
  started_at: createdAt,
}
const retentionPolicy = {
  runs_s: 7_776_000,
  logs_s: 2_592_000,
  artifacts_s: 7_776_000,
  audit_s: 34_560_000,
  model_versions_s: null,
}

/** By name of the schema. */
const reason = {
  code: 'waits_for_upstream',
  message: 'it waits for read (running); it runs when all upstream operators have succeeded',
  details: { trigger_rule: 'all_success', operators: [{ id: 'read', state: 'running' }] },
}
const explainedOperator = {
  operator_id: 'select',
  state: 'pending',
  attempt: 0,
  summary: reason.message,
  reasons: [reason],
  next: 'read ends',
}
export const schemaExamples: Readonly<Record<string, unknown>> = {
  Problem: problem,
  ProblemDetails: {
    type: 'urn:celeriac:error:VALIDATION_DAG_INVALID',
    title: 'The DAG document has problems; all of them are listed.',
    status: 422,
    detail: 'the DAG document has problems',
    code: 'VALIDATION_DAG_INVALID',
    instance: 'urn:celeriac:request:01a1fc1c-d0aa-7e1c-8e4e-0d6a0f9f1f52',
    problems: [problem],
  },
  DagDocument: document,
  DocumentBody: { source, name: 'first' },
  DagSummary: dagSummary,
  DagPage: { items: [dagSummary], next_cursor: null },
  DagOperator: dagOperator,
  Dag: { ...dagSummary, source, document, operators: [dagOperator] },
  RegisteredDag: { ...dagSummary, is_new: true, operator_count: 2, warnings: [] },
  Validation: { valid: false, name: null, operator_count: 0, problems: [problem] },
  RunSummary: runSummary,
  RunPage: { items: [runSummary], next_cursor: null },
  SubmittedRun: {
    ...runSummary,
    state: 'queued',
    version: 1,
    started_at: null,
    finished_at: null,
    is_new: true,
    operator_count: 2,
    warnings: [],
  },
  TaskError: taskError,
  Attempt: attempt,
  Artifact: artifact,
  OperatorTask: operatorTask,
  Run: run,
  RunChange: runChange,
  OperatorChange: operatorChange,
  RunEnd: runEnd,
  CreateRunBody: { version: 1 },
  RerunBody: { from: 'failed', only: false },
  Reason: reason,
  RunOperatorExplanation: explainedOperator,
  OperatorExplanation: { run_id: runId, as_of: startedAt, ...explainedOperator },
  RunExplanation: {
    run_id: runId,
    as_of: startedAt,
    state: 'running',
    summary: 'the run is under way: 2 of 2 operators have not ended',
    reasons: [],
    next: null,
    operators: [explainedOperator],
    left_out: 0,
  },
  LogPage: {
    attempt: 2,
    lines: [{ at: startedAt, stream: 'stdout', text: 'read 24000 rows' }],
    next_offset: 71,
    complete: true,
  },
  Output: {
    run_id: runId,
    operator_id: 'select',
    port: 0,
    attempt: 2,
    ...artifact,
    sidecar: { rows: 24_000 },
    preview: { columns: ['age', 'balance'], rows: [[31, 1_200.5]] },
  },
  Dataset: dataset,
  DatasetPage: { items: [dataset], next_cursor: null },
  Algorithm: algorithm,
  AlgorithmList: { items: [algorithm] },
  Worker: worker,
  ...accountExamples,
  ...inferenceExamples,
  ...irisExamples,
  ...taskExamples,
  Retention: {
    policy: retentionPolicy,
    is_running: false,
    started_at: startedAt,
    succeeded_at: finishedAt,
    removed: {
      runs: 212,
      operator_tasks: 1_908,
      logs: 40,
      artifacts: 0,
      task_results: 5_120,
      audit_entries: 1_040,
      model_versions: 3,
      files: 252,
      files_failed: 0,
    },
  },
  RetentionPreview: {
    policy: retentionPolicy,
    runs: 212,
    operator_tasks: 1_908,
    runs_kept_for_models: 7,
    logs: 40,
    artifacts: 0,
    task_results: 5_120,
    audit_entries: 1_040,
    model_versions: 3,
    files_waiting: 0,
    bytes: 73_400_320,
    measured_runs: 200,
  },
  RetentionStarted: { status: 'started' },
  WorkerList: { items: [worker] },
  QueueList: { items: [{ queue: 'celeriac.local', messages: 3, consumers: 2 }] },
  Health: { status: 'ok', version: '0.1.0' },
  Readiness: { ready: true, checks: { database: 'ok', broker: 'ok' } },
  PutScheduleBody: schedule,
  CreateScheduleBody: {
    name: 'add-hourly',
    when: { every: '1h' },
    target: { task: 'tasks.add', args: [2, 3], queue: 'celery' },
  },
  PatchScheduleBody: { enabled: false },
  Schedule: scheduled,
  SchedulePage: { items: [scheduled], next_cursor: null },
  Firing: firing,
  FiringPage: { items: [firing], next_cursor: null },
  ...modelExamples,
  PredictBody: { rows: [{ mean_radius: 11.42, mean_texture: 20.38 }] },
  Predictions: {
    model: { name: 'breast-cancer', version: 2, alias: null },
    route: 'primary',
    predictions: [{ predict_result: 'malignant', predict_probability: 0.996_351 }],
  },
}
