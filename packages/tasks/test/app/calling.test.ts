import { FakeClock } from '@celeriac/testkit'
import { expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { chain, group, type AsyncResult, type CeleriacOptions } from '../../src/index.ts'
import { withPublish } from '../worker/setup.ts'
import { memoryApp } from './memory-app.ts'

const pair = z.tuple([z.number(), z.number().optional()])

async function withTasks(options: Partial<CeleriacOptions> = {}) {
  const memory = await memoryApp(options)
  const add = memory.app.task('tasks.add', pair, ([x, y = 0]) => x + y)
  const pay = memory.app.task(
    'shop.pay',
    z.object({ to: z.string(), amount: z.number().default(1) }),
    async ({ to, amount }) => ({ to, amount }),
  )
  return { ...memory, add, pay }
}

test('delay sends what Celery sends, and gives the id', async () => {
  const { add, takeCall } = await withTasks()
  const result = await add.delay(2, 3)
  expect(await takeCall()).toMatchObject({
    id: result.id,
    task: 'tasks.add',
    args: [2, 3],
    kwargs: {},
    rootId: result.id,
    parentId: null,
    retries: 0,
    eta: null,
    expires: null,
    timelimit: [null, null],
    ignoreResult: false,
    origin: expect.stringMatching(/^gen\d+@/),
  })
})

test('arguments and results have types', async () => {
  const { add, pay } = await withTasks()
  expectTypeOf<(typeof add)['delay']>().parameters.toEqualTypeOf<[number, (number | undefined)?]>()
  expectTypeOf<(typeof add)['delay']>().returns.resolves.toEqualTypeOf<AsyncResult<number>>()
  expectTypeOf<(typeof pay)['delay']>().parameters.toEqualTypeOf<
    [{ to: string; amount?: number | undefined }]
  >()
  expectTypeOf<(typeof pay)['delay']>().returns.resolves.toEqualTypeOf<
    AsyncResult<{ to: string; amount: number }>
  >()
  // @ts-expect-error a string is no number; Python would find out in the worker
  const wrong = () => add.delay('2')
  expect(wrong).toBeTypeOf('function')
})

test('a task of named parameters is called by name, and takes a mixture', async () => {
  const { pay, takeCall } = await withTasks()
  await pay.delay({ to: 'ann' })
  expect(await takeCall()).toMatchObject({ args: [], kwargs: { to: 'ann' } })
  await pay.applyAsync({ args: ['bob'], kwargs: { amount: 5 } })
  expect(await takeCall()).toMatchObject({ args: ['bob'], kwargs: { amount: 5 } })
})

test.each([
  [{ args: [] }, "add() missing 1 required positional argument: 'arg1'"],
  [{ args: [1, 2, 3] }, 'add() takes from 1 to 2 positional arguments but 3 were given'],
  [{ args: [1], kwargs: { z: 1 } }, "add() got an unexpected keyword argument 'z'"],
])('a call that cannot work is refused before it is sent: %j', async (call, text) => {
  const { add, other } = await withTasks()
  await expect(add.applyAsync(call)).rejects.toThrow(new TypeError(text))
  expect(await other.depths(['celery'])).toEqual([])
})

test('without typing the worker finds out', async () => {
  const { app, takeCall } = await memoryApp()
  const add = app.task('tasks.add', pair, ([x]) => x, { typing: false })
  await add.applyAsync({ args: [1, 2, 3] })
  expect(await takeCall()).toMatchObject({ args: [1, 2, 3] })
})

test('applyAsync carries every option', async () => {
  const clock = new FakeClock(Date.parse('2026-11-21T00:00:00Z'))
  const { add, take, app, takeCall } = await withTasks({ clock })
  const options = {
    args: [1],
    taskId: 'own-id',
    queue: 'fast',
    priority: 7,
    expires: 60,
    timeLimit: 20,
    softTimeLimit: 10,
    ignoreResult: true,
    shadow: 'plus',
    headers: { tenant: 'a' },
    appId: 'shop',
    messageId: 'm1',
    link: add.s(10),
    linkError: [app.signature('tasks.failed')],
  }
  const result = await add.applyAsync(options)
  expect(result.id).toBe('own-id')
  expect(await takeCall('fast')).toMatchObject({
    id: 'own-id',
    priority: 7,
    expires: '2026-11-21T00:01:00.000+00:00',
    timelimit: [20, 10],
    ignoreResult: true,
    shadow: 'plus',
    headers: { tenant: 'a' },
    properties: { app_id: 'shop', message_id: 'm1' },
    callbacks: [{ task: 'tasks.add', args: [10] }],
    errbacks: [{ task: 'tasks.failed' }],
  })
  await add.applyAsync({
    ...options,
    serializer: 'msgpack',
    compression: 'gzip',
    expires: new Date(clock.now()),
  })
  const [delivery] = await take('fast')
  expect(delivery).toMatchObject({
    contentType: 'application/x-msgpack',
    headers: { compression: 'application/x-gzip', expires: '2026-11-21T00:00:00.000+00:00' },
  })
})

test.each([
  ['countdown', { countdown: 5 }],
  ['eta', { eta: new Date('2026-11-21T00:00:05Z') }],
])('a call with %s waits at the broker and then comes to its queue', async (_, when) => {
  const clock = new FakeClock(Date.parse('2026-11-21T00:00:00Z'))
  const { add, takeCall, other } = await withTasks({ clock })
  await add.applyAsync({ args: [1], ...when })
  await expect.poll(() => other.depths(['celery'])).toMatchObject([{ messages: 0 }])
  clock.advance(3_000)
  expect(await other.depths(['celery'])).toMatchObject([{ messages: 0 }])
  await expect.poll(() => (clock.advance(1_000), other.depths(['celery']))).toMatchObject([{ messages: 1 }])
  expect(await takeCall()).toMatchObject({ args: [1], eta: '2026-11-21T00:00:05.000+00:00' })
})

test('what a task is declared with goes before its route, and after what the call says', async () => {
  const { app, takeCall, take } = await memoryApp({
    routes: { 'tasks.*': { queue: 'routed', priority: 1, serializer: 'yaml' } },
    taskDefaults: { expires: 30 },
  })
  const plain = app.task('tasks.plain', z.tuple([]), () => null)
  const placed = app.task('tasks.placed', z.tuple([]), () => null, { queue: 'declared', priority: 2 })
  await plain.delay()
  const [routed] = await take('routed')
  expect(routed).toMatchObject({ priority: 1, contentType: 'application/x-yaml', expirationMs: 30_000 })
  await placed.delay()
  expect(await takeCall('declared')).toMatchObject({ priority: 2 })
  await placed.applyAsync({ queue: 'said', priority: 3 })
  expect(await takeCall('said')).toMatchObject({ priority: 3 })
})

test('monitors do not see the arguments of a sensitive task', async () => {
  const { app, take } = await memoryApp()
  const login = app.task('tasks.login', z.tuple([z.string()]), () => true, { sensitive: true })
  await login.delay('secret')
  const [delivery] = await take('celery')
  expect(delivery!.headers).toMatchObject({ argsrepr: '(...)', kwargsrepr: '{...}' })
})

test('a queue that does not exist is made, and one behind an exchange is reached through it', async () => {
  const { app, take, other } = await memoryApp({
    queues: [
      { name: 'short', maxLength: 5 },
      {
        name: 'orders',
        exchange: { name: 'shop', type: 'topic', isDurable: true },
        routingKey: 'order.new',
      },
    ],
  })
  expect(await other.depths(['short', 'orders'])).toEqual([])
  await app.sendTask('tasks.any', [], {}, { queue: 'short' })
  expect(await take('short')).toHaveLength(1)
  await other.declare({ exchanges: [{ name: 'shop', type: 'topic', isDurable: true }] })
  await app.sendTask('tasks.any', [], {}, { queue: 'orders' })
  expect(await take('orders')).toMatchObject([{ exchange: 'shop', routingKey: 'order.new' }])
})

test('a call that no queue takes rejects when the time is over', async () => {
  const clock = new FakeClock()
  const { app, other } = await memoryApp({ clock, publishTimeout: 1 })
  await other.declare({ exchanges: [{ name: 'nowhere', type: 'topic', isDurable: true }] })
  const call = app.sendTask('tasks.any', [], {}, { taskId: 'a', exchange: 'nowhere', routingKey: 'x' })
  const rejected = expect(call).rejects.toMatchObject({
    code: 'BROKER_UNROUTABLE',
    details: { calls: 1, task_ids: ['a'], exchange: 'nowhere', routing_key: 'x' },
  })
  let isOver = false
  void rejected.then(() => (isOver = true))
  await expect.poll(() => (clock.advance(500), isOver)).toBe(true)
  await rejected
})

test('a call that the broker did not confirm is sent again under its id', async () => {
  const clock = new FakeClock()
  const memory = await memoryApp({ clock })
  const ids: (string | undefined)[] = []
  const outcomes = ['unknown', 'unknown', 'confirmed'] as const
  const broker = withPublish(memory.broker, (messages) => {
    const outcome = outcomes[ids.length] ?? 'confirmed'
    ids.push(messages[0]?.correlationId)
    return Promise.resolve(messages.map(() => outcome))
  })
  const { app } = await memoryApp({ clock, broker })
  let result: AsyncResult | null = null
  void app.sendTask('tasks.any').then((made) => (result = made))
  await expect.poll(() => (clock.advance(100), result)).not.toBeNull()
  expect(new Set(ids)).toEqual(new Set([result!.id]))
  expect(ids).toHaveLength(3)
})

test('many calls go out together', async () => {
  const { app, add, take } = await withTasks()
  const results = await app.applyMany(Array.from({ length: 50 }, (_, index) => add.s(index, 1)))
  const deliveries = await take('celery', 50)
  expect(deliveries.map(({ correlationId }) => correlationId)).toEqual(results.map(({ id }) => id))
})

test('a group is sent whole, a chain by its first step with the others in it', async () => {
  const { app, add, take, takeCall } = await withTasks()
  const chained = await app.apply(chain(add.s(1, 1), add.s(2), add.s(3)))
  const call = await takeCall()
  expect(call).toMatchObject({ args: [1, 1], chain: [{ args: [3] }, { args: [2] }] })
  expect([chained.parent?.parent?.id, chained.parent?.parent?.parent]).toEqual([call.id, null])
  expect(call.chain?.[0]?.options['task_id']).toBe(chained.id)
  const grouped = await app.apply(group(add.s(1, 1), add.s(2, 2)))
  const members = await take('celery', 2)
  expect(members.map(({ headers }) => headers?.['group'])).toEqual([grouped.id, grouped.id])
  expect((await grouped.children()).map(({ id }) => id)).toEqual(members.map((each) => each.correlationId))
})

test('a signature is called with further arguments and options', async () => {
  const { app, add, takeCall } = await withTasks()
  await app.apply(add.s(4), { args: [3], queue: 'other' })
  expect(await takeCall('other')).toMatchObject({ args: [3, 4] })
  await app.apply(add.si(5, 6))
  expect(await takeCall()).toMatchObject({ args: [5, 6] })
})

test('purge drops what waits and tells how much', async () => {
  const { app, add, other } = await withTasks()
  await app.applyMany([add.s(1), add.s(2)])
  await add.applyAsync({ args: [1], queue: 'other' })
  expect(await app.purge()).toBe(2)
  expect(await app.purge(['celery', 'other', 'none'])).toBe(1)
  expect(await other.depths(['celery', 'other'])).toMatchObject([{ messages: 0 }, { messages: 0 }])
})

test('with pending tracked, an id that was called can be told from one that is not known', async () => {
  const { app } = await memoryApp({ trackPending: true })
  const called = await app.sendTask('tasks.any')
  expect(await called.meta()).toMatchObject({ status: 'PENDING' })
  expect(await app.result('none').meta()).toBeNull()
  const ignored = await app.sendTask('tasks.any', [], {}, { ignoreResult: true })
  expect(await ignored.meta()).toBeNull()
})
