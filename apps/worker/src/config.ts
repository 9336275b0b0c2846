import {
  httpPortSetting,
  integerSetting,
  listSetting,
  optionalSetting,
  serviceSettings,
  setting,
  textSetting,
  type ConfigOf,
} from '@celeriac/runtime'
import { availableParallelism } from 'node:os'

/** Settings of the worker; `docs/reference/configuration.md` lists them (test-synced). */
export const workerConfigSchema = {
  ...serviceSettings,
  httpPort: httpPortSetting(8781),
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
  taskMemoryMib: optionalSetting({
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
