import { Celeriac } from '@celeriac/tasks'
import { createPgTaskResultStore } from '@celeriac/store'
import { Redis } from 'ioredis'
import { z } from 'zod'

/** The variables that `python/client_tasks.py` takes too. */
const environment = z
  .object({
    TEST_AMQP_URL: z.string(),
    TEST_REDIS_URL: z.string(),
    CELERIAC_TEST_PREFIX: z.string(),
    CELERIAC_TEST_BACKEND: z.string(),
    CELERIAC_TEST_KEY_PREFIX: z.string(),
  })
  // oxlint-disable-next-line node/no-process-env -- the configuration of this program
  .parse(process.env)

const { CELERIAC_TEST_PREFIX: prefix, CELERIAC_TEST_KEY_PREFIX: keyPrefix } = environment
const backend = environment.CELERIAC_TEST_BACKEND

/** The application that Celery's clients call in these tests. */
export const app = new Celeriac({
  broker: environment.TEST_AMQP_URL,
  backend,
  prefix,
  delayQueueType: 'classic',
  queues: [{ name: `${prefix}urgent`, maxPriority: 10 }],
  accept: ['json', 'msgpack', 'yaml'],
  openResultStore: createPgTaskResultStore,
  ...(backend.startsWith('redis') ? { keyPrefix } : {}),
})

let connection: Redis | null = null

/** Where tasks leave what the test shall see of their effects. */
export const effects = (): Redis =>
  (connection ??= new Redis(environment.TEST_REDIS_URL, { keyPrefix, lazyConnect: false }))
