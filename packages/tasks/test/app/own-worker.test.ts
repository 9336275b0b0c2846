import { buildTopology, createMemoryBroker, createMemoryServer } from '@celeriac/broker'
import { silentLogger, systemClock } from '@celeriac/runtime'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import {
  Celeriac,
  chain,
  chord,
  ClusterState,
  createTaskWorker,
  group,
  MemoryBackend,
  MemoryResults,
  type TaskContext,
} from '../../src/index.ts'

const timeout = 10

/** What a program declares that is client and worker; `say` tells the test what goes on in a handler. */
function declare(app: Celeriac, say: (what: string, context: TaskContext) => void | Promise<void>) {
  const add = app.task('tasks.add', z.tuple([z.number(), z.number().default(0)]), ([x, y]) => x + y)
  const total = app.task('tasks.total', z.tuple([z.array(z.number())]), ([numbers]) =>
    numbers.reduce((sum, x) => sum + x, 0),
  )
  const greet = app.task(
    'tasks.greet',
    z.object({ name: z.string().max(10), at: z.date().optional() }),
    ({ name, at }) => `${name} ${at?.toISOString() ?? 'now'}`,
  )
  const flaky = app.task('tasks.flaky', z.tuple([z.number()]), ([failures], context) => {
    if (context.request.retries < failures) context.retry({ countdown: 0, cause: new Error('not yet') })
    return context.request.retries
  })
  const parent = app.task('tasks.parent', z.tuple([]), async (_, context) => {
    const child = await add.delay(1, 1)
    await say(child.id, context)
    return 'parent'
  })
  const slow = app.task('tasks.slow', z.tuple([]), async (_, context) => {
    await context.updateState('PROGRESS', { done: 0.5 })
    await say('slow', context)
    return 'done'
  })
  return { add, total, greet, flaky, parent, slow }
}

async function cluster(say: (what: string, context: TaskContext) => void | Promise<void> = () => undefined) {
  const topology = buildTopology()
  const server = createMemoryServer({ topology, clock: systemClock })
  const results = new MemoryResults()
  const connect = async () => {
    const broker = createMemoryBroker({ server })
    await broker.start()
    onTestFinished(() => broker.stop())
    return broker
  }
  const anApp = async () =>
    new Celeriac({ broker: await connect(), backend: new MemoryBackend({ results }), resultExtended: true })
  const client = await anApp()
  onTestFinished(() => client.stop())
  const inside = await anApp()
  declare(inside, say)
  const worker = createTaskWorker({
    broker: await connect(),
    topology,
    executors: new Map(),
    concurrency: 4,
    nodeName: 'own@test',
    logger: silentLogger(),
    plain: { app: await inside.forWorker(), queues: [topology.celeryQueue], sendsEvents: true },
  })
  onTestFinished(() => worker.abort())
  await worker.start()
  return { client, tasks: declare(client, () => undefined) }
}

test('a call comes back with the value of the handler', async () => {
  const { tasks } = await cluster()
  expect(await (await tasks.add.delay(2, 3)).get({ timeout })).toBe(5)
  expect(await (await tasks.add.delay(2)).get({ timeout })).toBe(2)
})

test('named parameters are given by name or by position, and their values keep their types', async () => {
  const { tasks } = await cluster()
  const at = new Date('2026-11-21T00:00:00Z')
  expect(await (await tasks.greet.delay({ name: 'ann', at })).get({ timeout })).toBe(
    'ann 2026-11-21T00:00:00.000Z',
  )
  expect(await (await tasks.greet.applyAsync({ args: ['bob'] })).get({ timeout })).toBe('bob now')
})

test('arguments of wrong values fail the task, each by its name', async () => {
  const { tasks } = await cluster()
  const result = await tasks.greet.delay({ name: 'a name that is too long' })
  await expect(result.get({ timeout })).rejects.toMatchObject({
    name: 'ValidationError',
    message: expect.stringContaining('name: '),
  })
})

test('a call that nobody checked fails in the words of Python', async () => {
  const { client } = await cluster()
  const result = await client.sendTask('tasks.greet')
  await expect(result.get({ timeout })).rejects.toMatchObject({
    name: 'TypeError',
    message: "greet() missing 1 required positional argument: 'name'",
  })
})

test('a handler retries until it succeeds', async () => {
  const { tasks } = await cluster()
  expect(await (await tasks.flaky.delay(2)).get({ timeout })).toBe(2)
})

test('what a handler calls is a child of its task', async () => {
  const said: (readonly [string, string])[] = []
  const { tasks } = await cluster((what, { request }) => void said.push([what, request.id]))
  const result = await tasks.parent.delay()
  expect(await result.get({ timeout })).toBe('parent')
  const [[childId, parentId] = []] = said
  expect(parentId).toBe(result.id)
  const children = await result.children()
  expect(children.map(({ id }) => id)).toEqual([childId])
  expect(await children[0]!.get({ timeout })).toBe(2)
})

test('chains, groups and chords are carried out, nested too', async () => {
  const { client, tasks } = await cluster()
  const { add, total } = tasks
  expect(await (await client.apply(chain(add.s(1, 1), add.s(10), add.s(100)))).get({ timeout })).toBe(112)
  expect(await (await client.apply(group(add.s(1, 1), add.s(2, 2)))).get({ timeout })).toEqual([2, 4])
  const sums = chord([add.s(1, 1), add.s(2, 2)], total.s())
  expect(await (await client.apply(sums)).get({ timeout })).toBe(6)
  expect(await (await client.apply(chain(sums, add.s(4)))).get({ timeout })).toBe(10)
})

test('a state of its own is seen while the task runs', async () => {
  let go = (): void => undefined
  const released = new Promise<void>((resolve) => (go = resolve))
  const { tasks } = await cluster(() => released)
  const result = await tasks.slow.delay()
  await expect.poll(() => result.meta()).toMatchObject({ status: 'PROGRESS', result: { done: 0.5 } })
  go()
  expect(await result.get({ timeout })).toBe('done')
})

test('remote control finds the worker, its tasks, and what it runs', async () => {
  const { client, tasks } = await cluster((_, { signal }) => {
    return new Promise<void>((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason as Error)),
    )
  })
  const one = { limit: 1, timeout }
  expect(await client.control.ping(one)).toEqual(['own@test'])
  expect((await client.control.inspect.registered(one)).get('own@test')).toEqual(client.taskNames)
  const result = await tasks.slow.delay()
  await expect
    .poll(async () => (await client.control.inspect.active(one)).get('own@test'))
    .toMatchObject([{ id: result.id, name: 'tasks.slow' }])
  await result.revoke({ terminate: true })
  await expect(result.get({ timeout })).rejects.toMatchObject({ name: 'TaskRevokedError' })
})

test('events tell the life of a task', async () => {
  const { client, tasks } = await cluster()
  const state = new ClusterState()
  const receiver = await client.events({ handlers: { '*': (event) => state.add(event) } })
  const result = await tasks.add.delay(2, 3)
  await expect
    .poll(() => state.tasks)
    .toMatchObject([{ id: result.id, name: 'tasks.add', state: 'SUCCESS', outcome: '5', worker: 'own@test' }])
  await expect.poll(() => state.workers).toMatchObject([{ name: 'own@test' }])
  await receiver.stop()
})
