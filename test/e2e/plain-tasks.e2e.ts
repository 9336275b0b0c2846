import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { Celeriac, type AsyncResult } from '@celeriac/tasks'
import { useTestRedis, type TestRedis } from '@celeriac/testkit'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Platform } from '../support/platform.ts'
import { root, runCommand } from '../support/processes.ts'

const tasks = join(root, 'examples', 'plain-tasks', 'tasks.js')
const slow = { timeout: 30_000 }

let platform: Platform
let redis: TestRedis
let app: Celeriac
let prefix: string
beforeAll(async () => {
  redis = await useTestRedis()
  platform = await Platform.create('distributed')
  prefix = platform.env['CELERIAC_QUEUE_PREFIX'] ?? ''
  platform.env['CELERIAC_REDIS_URL'] = redis.url
  await platform.start({ schedulers: 1, workers: 0 })
  app = new Celeriac({ broker: platform.env['CELERIAC_AMQP_URL'] ?? '', backend: redis.url, prefix })
})
afterAll(async () => {
  await app?.stop()
  await platform?.destroy()
  await redis?.close()
})

const startWorker = (...args: readonly string[]) => platform.startWorker(2, ['--import', tasks, ...args])

/** Counts up to `end`, a tenth of a second each; resolves when it has begun. */
async function counting(end: number): Promise<AsyncResult<number>> {
  const result = await app.sendTask<number>('tasks.count_to', [end, 0.1], {}, { taskId: randomUUID() })
  onTestFinished(() => result.forget())
  await expect.poll(() => result.status(), slow).toBe('PROGRESS')
  return result
}

test('one worker serves plain tasks beside operators, from the queues it was told', async () => {
  const worker = await startWorker(
    '-Q',
    `${prefix}celery,${prefix}celeriac.local`,
    '-E',
    '--name',
    'both@test',
  )
  const { id } = await platform.api.submit(`
name: beside
dag:
  operator_list: [nap]
  operator_rels: {}
  operator_details: { nap: { algo_name: algo_local_test_sleep, params: { seconds: 0.2 } } }
`)
  const sum = await app.sendTask<number>('tasks.add', [2, 3])
  expect(await sum.get({ timeout: 30 })).toBe(5)
  await expect(app.sendTask('tasks.add', [1]).then((each) => each.get({ timeout: 30 }))).rejects.toThrow(
    "add() missing 1 required positional argument: 'y'",
  )
  expect((await platform.api.waitFor(id, ['succeeded'], 30_000)).operators[0]).toMatchObject({
    worker: 'both@test',
  })
  const replies = await app.control.inspect.activeQueues({ destination: ['both@test'], timeout: 30 })
  expect(
    replies
      .get('both@test')
      ?.map(({ name }) => name)
      .toSorted(),
  ).toEqual([`${prefix}celeriac.local`, `${prefix}celery`])
  expect((await worker.stop()).code).toBe(0)
})

test('a worker of plain tasks alone needs no Python; a task that only computes has a process that can be killed', async () => {
  const worker = await startWorker('--python', '/there/is/none')
  const fib = await app.sendTask<number>('tasks.fibonacci', [20])
  expect(await fib.get({ timeout: 30 })).toBe(6_765)
  // Years, for any machine.
  const endless = await app.sendTask('tasks.fibonacci', [80], {}, { timeLimit: 1 })
  await expect(endless.get({ timeout: 30 })).rejects.toMatchObject({ excType: 'TimeLimitExceeded' })
  expect((await worker.stop()).code).toBe(0)
})

test('SIGTERM lets a task finish; SIGQUIT gives it back at once', async () => {
  const warm = await startWorker()
  const finishing = await counting(40)
  expect((await warm.stop('SIGTERM')).code).toBe(0)
  expect(await finishing.get({ timeout: 30 })).toBe(warm.child.pid)

  const cold = await startWorker()
  const returned = await counting(60)
  await cold.stop('SIGQUIT')
  expect(await returned.ready()).toBe(false)
  const next = await startWorker()
  expect(await returned.get({ timeout: 30 })).toBe(next.child.pid)
  await next.stop()
})

test('remote control ends the command', async () => {
  const worker = await startWorker('--name', 'remote@test')
  await app.control.shutdown({ destination: ['remote@test'] })
  expect((await worker.exited).code).toBe(0)
})

test('modules that cannot be loaded and faulty settings end the command with what is wrong', async () => {
  const run = (...args: readonly string[]) => runCommand(['worker', ...args], platform.env)
  expect(await run('--import', './there-is-no-such-module.js')).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('a module of tasks cannot be loaded'),
  })
  expect(await run('--import', tasks, '--autoscale', '1,4')).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('the first number is the larger one'),
  })
})
