import {
  choiceSetting,
  integerSetting,
  listSetting,
  logLevels,
  optionalSetting,
  queuePrefixSetting,
  setting,
  textSetting,
  urlSetting,
  type ConfigOf,
} from '@celeriac/runtime'
import { availableParallelism } from 'node:os'

/** Settings of the worker; `docs/reference/configuration.md` lists them (test-synced). */
export const workerConfigSchema = {
  amqpUrl: setting({
    type: urlSetting(['amqp', 'amqps']),
    env: 'CELERIAC_AMQP_URL',
    description: 'RabbitMQ.',
  }),
  queuePrefix: setting({
    type: queuePrefixSetting(),
    env: 'CELERIAC_QUEUE_PREFIX',
    default: '',
    description:
      'Put in front of the names of all queues and exchanges, so that installations can share a broker.',
  }),
  queues: setting({
    type: listSetting(),
    env: 'CELERIAC_QUEUES',
    default: ['local', 'predict'],
    description: 'Executors whose queues this worker consumes, separated by commas (-Q).',
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
  algorithmsDir: optionalSetting({
    type: textSetting(),
    env: 'CELERIAC_ALGORITHMS_DIR',
    description: 'Directories (separated as in PATH) with own algorithms, besides the built-in ones.',
  }),
  memoryLimitMiB: optionalSetting({
    type: integerSetting({ min: 64, max: 16_777_216 }),
    env: 'CELERIAC_TASK_MEMORY_MIB',
    description: 'Memory in MiB that an attempt may take beyond what its process had; default: no limit.',
  }),
  maxTasksPerChild: setting({
    type: integerSetting({ min: 1, max: 1_000_000 }),
    env: 'CELERIAC_MAX_TASKS_PER_CHILD',
    default: 200,
    description: 'A Python process is replaced after this many attempts.',
  }),
  drainTimeoutS: setting({
    type: integerSetting({ min: 0, max: 86_400 }),
    env: 'CELERIAC_DRAIN_TIMEOUT_S',
    default: 30,
    description: 'Seconds that a stop lets attempts finish; what then still runs goes back to the queue.',
  }),
  dataDir: setting({
    type: textSetting(),
    env: 'CELERIAC_DATA_DIR',
    default: '.celeriac',
    description: 'Directory of the artifacts, unless CELERIAC_ARTIFACT_URL says otherwise.',
  }),
  artifactUrl: optionalSetting({
    type: urlSetting(['file']),
    env: 'CELERIAC_ARTIFACT_URL',
    description: 'Root of artifacts and logs, shared by all workers and schedulers.',
  }),
  httpHost: setting({
    type: textSetting(),
    env: 'CELERIAC_HTTP_HOST',
    default: '127.0.0.1',
    description: 'Address that /metrics, /healthz and /readyz listen on.',
  }),
  httpPort: setting({
    type: integerSetting({ min: 0, max: 65_535 }),
    env: 'CELERIAC_HTTP_PORT',
    default: 8781,
    description: 'Port of /metrics, /healthz and /readyz; 0 = any free one.',
  }),
  logLevel: setting({
    type: choiceSetting(logLevels),
    env: 'CELERIAC_LOG_LEVEL',
    default: 'info',
    description: 'Least severe level that is logged.',
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
