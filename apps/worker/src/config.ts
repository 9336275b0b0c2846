import {
  httpPortSetting,
  integerSetting,
  listSetting,
  optionalSetting,
  pairsSetting,
  serviceSettings,
  setting,
  textSetting,
  type ConfigOf,
} from '@celeriac/runtime'
import { availableParallelism } from 'node:os'
import { plainTaskSettings } from './plain-task-settings.ts'

/** RabbitMQ's `consumer_timeout`, unless its operator changed it. */
const brokerTimeoutS = 1_800

/** Settings of the worker; `docs/reference/configuration.md` lists them (test-synced). */
export const workerConfigSchema = {
  ...serviceSettings,
  httpPort: httpPortSetting(8781),
  queues: optionalSetting({
    type: listSetting(),
    env: 'CELERIAC_QUEUES',
    description:
      'Queues that this worker consumes, separated by commas (-Q): executors, by name or queue, and with --import queues of plain tasks; default: local, predict and those of --executor, or with --import celery.',
  }),
  ...plainTaskSettings,
  executor: setting({
    type: pairsSetting(),
    env: 'CELERIAC_EXECUTOR_MODULES',
    default: {},
    description: 'An own executor as name=module, such as gpu=./gpu-executor.js; repeat it for more.',
  }),
  concurrency: setting({
    type: integerSetting({ min: 1, max: 1_024 }),
    env: 'CELERIAC_CONCURRENCY',
    default: availableParallelism() * 2,
    description: 'Attempts at a time, and Python processes (-c); default: CPUs × 2.',
  }),
  name: optionalSetting({
    type: textSetting(),
    env: 'CELERIAC_WORKER_NAME',
    description: 'Node name, unique in the fleet; default: `worker-<random>@<host>`.',
  }),
  python: optionalSetting({
    type: textSetting(),
    env: 'CELERIAC_PYTHON',
    description:
      'Python interpreter with the scientific stack; default: the one of the project’s environment.',
  }),
  taskMemoryMib: optionalSetting({
    type: integerSetting({ min: 64, max: 16_777_216 }),
    env: 'CELERIAC_TASK_MEMORY_MIB',
    description: 'Memory in MiB that an attempt may take beyond what its process had; default: no limit.',
  }),
  taskLogMib: setting({
    type: integerSetting({ min: 1, max: 1_048_576 }),
    env: 'CELERIAC_TASK_LOG_MIB',
    default: 64,
    description: 'Log of an attempt at most, in MiB of its output; a line says that the rest was left out.',
  }),
  taskLogLinesPerS: setting({
    type: integerSetting({ min: 1, max: 10_000_000 }),
    env: 'CELERIAC_TASK_LOG_LINES_PER_S',
    default: 5_000,
    description:
      'Lines per second that an attempt may log for long (four times as many at once); a line says how many were left out.',
  }),
  maxTasksPerChild: setting({
    type: integerSetting({ min: 1, max: 1_000_000 }),
    env: 'CELERIAC_MAX_TASKS_PER_CHILD',
    default: 200,
    description: 'A Python process is replaced after this many attempts.',
  }),
  predictMemoryMib: setting({
    type: integerSetting({ min: 16, max: 16_777_216 }),
    env: 'CELERIAC_PREDICT_MEMORY_MIB',
    default: 512,
    description:
      'Memory in MiB for loaded models: in the worker’s own process, and again in each of its Python processes for predictions.',
  }),
  predictProcesses: setting({
    type: integerSetting({ min: 1, max: 256 }),
    env: 'CELERIAC_PREDICT_PROCESSES',
    default: 1,
    description:
      'Python processes that do nothing but predict; they start with the first model that is not scored in the worker’s own process.',
  }),
  drainTimeoutS: setting({
    type: integerSetting({ min: 0, max: 86_400 }),
    env: 'CELERIAC_DRAIN_TIMEOUT_S',
    default: 30,
    description: 'Seconds that a stop lets attempts finish; what then still runs goes back to the queue.',
  }),
  handOverAfterS: setting({
    type: integerSetting({ min: 1, max: 86_400 }).refine((seconds) => seconds < brokerTimeoutS, {
      error: `must be below ${brokerTimeoutS}: RabbitMQ takes back what is not acknowledged after that time`,
    }),
    env: 'CELERIAC_HAND_OVER_AFTER',
    default: 600,
    description:
      'Seconds after which an operator that still runs is acknowledged and guarded by the heartbeats of its worker instead; well below the consumer_timeout of RabbitMQ (1,800).',
  }),
} as const

export type WorkerConfig = ConfigOf<typeof workerConfigSchema>

/** What operators have no business to know. */
const secretVariables = [
  'CELERIAC_AMQP_URL',
  'CELERIAC_API_TOKEN',
  'CELERIAC_DATABASE_URL',
  'CELERIAC_REDIS_URL',
]

/** The environment that Python processes inherit: this process's, without the platform's secrets. */
export const inheritedEnvironment = (): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !secretVariables.includes(entry[0]),
    ),
  )
