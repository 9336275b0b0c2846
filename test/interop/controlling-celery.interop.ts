import {
  Celeriac,
  ClusterState,
  isAlive,
  type CommandOptions,
  type EventReceiver,
  type Replies,
  type Verdict,
} from '@celeriac/tasks'
import { testAmqpUrl } from '@celeriac/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ownNames, StockCelery } from './stock-celery.ts'

let names: Awaited<ReturnType<typeof ownNames>>
let worker: StockCelery
let app: Celeriac
let node: string
let events: EventReceiver
const cluster = new ClusterState()
const seenTypes = new Set<string>()

/** The one worker answers at once: the timeout is never used up. */
const one = { limit: 1, timeout: 30 }
const reply: CommandOptions = { ...one, reply: true }
const answer = <Answer>(replies: Replies<Answer>): Answer => {
  expect([...replies.keys()], worker.output).toEqual([node])
  return replies.get(node)!
}
const okOf = (replies: Replies<Verdict>): unknown => {
  expect(answer(replies)).toMatchObject({ error: null })
  return answer(replies).ok
}

beforeAll(async () => {
  names = await ownNames(['other'])
  const { prefix } = names
  app = new Celeriac({ broker: testAmqpUrl(), prefix, delayQueueType: 'classic' })
  events = await app.events({
    handlers: {
      '*': (event) => {
        seenTypes.add(event.type)
        cluster.add(event)
      },
    },
  })
  worker = await StockCelery.start(['-c', '2', '-n', 'stock@test', '--without-mingle'], {
    TEST_AMQP_URL: testAmqpUrl(),
    CELERIAC_TEST_PREFIX: prefix,
    CELERIAC_TEST_BACKEND: 'rpc://',
  })
  ;[node = ''] = await app.control.ping(one)
})
afterAll(async () => {
  await events?.stop()
  await app?.stop()
  await worker?.stop()
  await names?.close()
})

test('ping finds the worker, by name and by pattern, and not under another', async () => {
  expect(node).toBe('stock@test')
  expect(await app.control.ping({ destination: [node], timeout: 30 })).toEqual([node])
  expect(await app.control.ping({ pattern: 'stock@*', ...one })).toEqual([node])
  expect(await app.control.ping({ pattern: '^st.ck@te', matcher: 'pcre', ...one })).toEqual([node])
  expect(await app.control.ping({ pattern: 'other@*', timeout: 0.5 })).toEqual([])
})

test('inspect tells what the worker is', async () => {
  const { inspect } = app.control
  expect(answer(await inspect.registered(one))).toContain('tasks.add')
  expect(answer(await inspect.registered({ ...one, items: ['max_retries'] }))).toContain(
    'tasks.flaky [max_retries=3]',
  )
  expect(answer(await inspect.stats(one))).toMatchObject({
    pid: expect.any(Number),
    pool: { 'max-concurrency': 2 },
    uptime: expect.any(Number),
  })
  expect(answer(await inspect.conf(one))).toMatchObject({ task_default_queue: `${names.prefix}celery` })
  expect(answer(await inspect.activeQueues(one))).toMatchObject([
    { name: `${names.prefix}celery`, exchange: { type: 'direct' }, durable: true },
  ])
  expect(answer(await inspect.report(one))).toContain('software -> celery:')
  expect(answer(await inspect.clock(one))).toBeGreaterThan(0)
})

test('inspect tells what the worker does: running, scheduled and revoked tasks', async () => {
  const { inspect } = app.control
  const running = await app.sendTask('tasks.nap', [60])
  await expect.poll(async () => [...(await inspect.active(one)).values()].flat().length).toBe(1)
  expect(answer(await inspect.active(one))).toMatchObject([
    { id: running.id, name: 'tasks.nap', args: [60], hostname: node, time_start: expect.any(Number) },
  ])
  expect(answer(await inspect.queryTask([running.id], one))).toMatchObject({
    [running.id]: ['active', { id: running.id }],
  })
  expect(answer(await inspect.reserved(one))).toEqual([])
  expect(okOf(await app.control.terminate(running.id, { limit: 1, timeout: 30, reply: true }))).toContain(
    running.id,
  )
  await expect(running.get({ timeout: 30 })).rejects.toMatchObject({ name: 'TaskRevokedError' })
  expect(answer(await inspect.revoked(one))).toContain(running.id)
  expect(answer(await inspect.scheduled(one))).toEqual([])
})

test('commands are carried out, and refused ones say why', async () => {
  const { control } = app
  expect(okOf(await control.rateLimit('tasks.add', '1000/s', reply))).toBe('new rate limit set successfully')
  expect(okOf(await control.rateLimit('tasks.add', 0, reply))).toBe('rate limit disabled successfully')
  expect(answer(await control.rateLimit('tasks.none', '1/s', reply))).toEqual({
    ok: null,
    error: 'unknown task',
  })
  expect(okOf(await control.timeLimit('tasks.nap', { soft: 5, hard: 9 }, reply))).toBe(
    'time limits set successfully',
  )
  expect(okOf(await control.poolGrow(1, reply))).toBe('pool will grow')
  const processes = async () => answer(await control.inspect.stats(one)).pool?.['processes']
  await expect.poll(processes, { timeout: 10_000 }).toHaveLength(3)
  expect(okOf(await control.poolShrink(1, reply))).toBe('pool will shrink')
  expect(answer(await control.autoscale({ max: 4, min: 2 }, reply)).error).toContain('Autoscale not enabled')
  expect(
    okOf(await control.revokeByStampedHeaders({ customer: 'a' }, { limit: 1, timeout: 30, reply: true })),
  ).toContain('flagged as revoked')
})

test('the worker takes another queue, and leaves it', async () => {
  const queue = `${names.prefix}other`
  expect(okOf(await app.control.addConsumer(queue, { ...one, reply: true }))).toBe(`add consumer ${queue}`)
  expect(await (await app.sendTask('tasks.add', [1, 2], {}, { queue })).get({ timeout: 30 })).toBe(3)
  expect(okOf(await app.control.cancelConsumer(queue, reply))).toBe(`no longer consuming from ${queue}`)
  const consumed = async () => answer(await app.control.inspect.activeQueues(one)).map(({ name }) => name)
  await expect.poll(consumed).not.toContain(queue)
})

test('events tell the life of tasks and of the worker, once they are switched on', async () => {
  expect(okOf(await app.control.enableEvents(reply))).toBe('task events enabled')
  const added = await app.sendTask('tasks.add', [2, 3])
  const failed = await app.sendTask('tasks.fail', ['bad'])
  await failed.get({ timeout: 30, propagate: false })
  await added.get({ timeout: 30 })
  const seen = (id: string) => cluster.tasks.find((task) => task.id === id)
  await expect
    .poll(() => seen(added.id))
    .toMatchObject({
      name: 'tasks.add',
      state: 'SUCCESS',
      args: '(2, 3)',
      outcome: '5',
      worker: node,
      runtime: expect.any(Number),
    })
  await expect
    .poll(() => seen(failed.id))
    .toMatchObject({ state: 'FAILURE', outcome: "ValueError('bad', 42)" })
  await expect
    .poll(() => cluster.workers)
    .toMatchObject([{ name: node, software: expect.stringMatching(/^py-celery/) }])
  expect(isAlive(cluster.workers[0]!, Date.now() / 1_000)).toBe(true)
  expect(seenTypes).toContain('task-received')
})

test('events are switched off, and a heartbeat comes when asked for', async () => {
  expect(okOf(await app.control.enableEvents(reply))).toBe('task events already enabled')
  expect(okOf(await app.control.disableEvents(reply))).toBe('task events disabled')
  const before = cluster.eventCount
  await app.control.heartbeat()
  await expect.poll(() => cluster.eventCount).toBeGreaterThan(before)
})

test('shutdown ends the worker, which says so', async () => {
  await app.control.shutdown({ destination: [node] })
  await expect.poll(() => worker.hasEnded, { timeout: 30_000 }).toBe(true)
  await expect.poll(() => cluster.workers).toMatchObject([{ name: node, isGone: true }])
})
