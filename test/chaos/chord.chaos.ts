import { createPgTaskResultStore } from '@celeriac/store'
import { Celeriac, chord } from '@celeriac/tasks'
import {
  createTestDatabase,
  testAmqpUrl,
  useTestRedis,
  type TestDatabase,
  type TestRedis,
} from '@celeriac/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CeleriacWorker } from '../interop/support/celeriac-worker.ts'
import { ownNames } from '../interop/stock-celery.ts'

const members = 40
/** When this many of the header have begun, all workers are killed. */
const deaths = [5, 15, 25]
const slow = { timeout: 60_000, interval: 10 }

describe.each(['redis', 'postgres'] as const)('a chord whose workers are killed, with %s://', (kind) => {
  let redis: TestRedis
  let database: TestDatabase | null = null
  let names: Awaited<ReturnType<typeof ownNames>>
  let app: Celeriac
  let env: Readonly<Record<string, string>>
  const workers: CeleriacWorker[] = []

  beforeAll(async () => {
    redis = await useTestRedis()
    database = kind === 'postgres' ? await createTestDatabase() : null
    names = await ownNames()
    const { prefix } = names
    const { keyPrefix } = redis
    const backend = database?.url ?? redis.url
    env = {
      TEST_AMQP_URL: testAmqpUrl(),
      TEST_REDIS_URL: redis.url,
      CELERIAC_AMQP_URL: testAmqpUrl(),
      CELERIAC_QUEUE_PREFIX: prefix,
      CELERIAC_TEST_PREFIX: prefix,
      CELERIAC_TEST_BACKEND: backend,
      CELERIAC_TEST_KEY_PREFIX: keyPrefix,
    }
    app = new Celeriac({
      broker: testAmqpUrl(),
      backend,
      prefix,
      delayQueueType: 'classic',
      openResultStore: createPgTaskResultStore,
      ...(kind === 'redis' ? { keyPrefix } : {}),
    })
  })
  afterAll(async () => {
    await app?.stop()
    await Promise.all(workers.map((worker) => worker.stop()))
    await names?.close()
    await database?.drop()
    await redis?.close()
  })

  const effects = async (key: string): Promise<readonly unknown[]> =>
    (await redis.client.lrange(`${redis.keyPrefix}${key}`, 0, -1)).map((text) => JSON.parse(text) as unknown)
  const startWorkers = async (): Promise<readonly CeleriacWorker[]> => {
    const started = await Promise.all(
      [1, 2].map(() => CeleriacWorker.start(['-Q', `${names.prefix}celery`, '-c', '2'], env)),
    )
    workers.push(...started)
    return started
  }

  test('runs its body exactly once, with the result of each member', async () => {
    const note = (member: number) => app.signature('tasks.note', { args: ['notes', member] })
    const header = Array.from({ length: members }, (_, member) => note(member))
    let running = await startWorkers()
    const body = app.signature<readonly [readonly unknown[]]>('tasks.store', { kwargs: { key: 'bodies' } })
    const result = await app.apply(chord(header, body))
    for (const begun of deaths) {
      await expect.poll(async () => (await effects('notes')).length, slow).toBeGreaterThanOrEqual(begun)
      await Promise.all(running.map(({ process }) => process.stop('SIGKILL')))
      running = await startWorkers()
    }
    await result.get({ timeout: 60 })
    // Each ran at least once; those that were cut short ran again.
    expect(new Set(await effects('notes')).size).toBe(members)
    await Promise.all(running.map(({ process }) => process.stop()))
    expect(await effects('bodies')).toEqual([Array.from({ length: members }, (_, member) => member)])
  })
})
