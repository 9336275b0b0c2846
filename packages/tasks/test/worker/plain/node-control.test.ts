import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { Autoscaler } from '../../../src/worker/plain/autoscaler.ts'
import { gate, plainSetup } from './plain-setup.ts'

async function setup() {
  const plain = await plainSetup()
  const release = gate()
  const started: string[] = []
  plain.task('slow', async (_args, _kwargs, { request }) => {
    started.push(request.id)
    await release.opened
  })
  return { ...plain, started, release }
}

test('the events of a task tell its way, in the order of the logical clock', async () => {
  const { task, call, startWorker, listenToEvents, stateOf } = await plainSetup()
  task('add', ([x, y]) => Number(x) + Number(y))
  task('fail', () => {
    throw new TypeError('no')
  })
  task('again', (_args, _kwargs, context) =>
    context.request.retries === 0 ? context.retry({ countdown: 0 }) : 'done',
  )
  const heard = await listenToEvents()
  const worker = await startWorker({ sendsEvents: true, concurrency: 1 })
  const ids = [await call('add', [1, 2]), await call('fail'), await call('again')]
  await expect.poll(() => Promise.all(ids.map(stateOf))).toEqual(['SUCCESS', 'FAILURE', 'SUCCESS'])
  await expect.poll(() => heard).toHaveLength(12)
  const typesOf = (id: string | undefined) => heard.filter(({ uuid }) => uuid === id).map(({ type }) => type)
  expect(typesOf(ids[0])).toEqual(['task-received', 'task-started', 'task-succeeded'])
  expect(typesOf(ids[1])).toEqual(['task-received', 'task-started', 'task-failed'])
  expect(typesOf(ids[2])).toEqual([
    'task-received',
    'task-started',
    'task-retried',
    'task-received',
    'task-started',
    'task-succeeded',
  ])
  expect(heard.find(({ type }) => type === 'task-received')).toMatchObject({
    name: 'add',
    args: '(1, 2)',
    kwargs: '{}',
    hostname: worker.nodeName,
    pid: process.pid,
  })
  expect(heard.find(({ type }) => type === 'task-succeeded')).toMatchObject({ result: '3' })
  expect(heard.find(({ type }) => type === 'task-failed')).toMatchObject({ exception: "TypeError('no')" })
  const clocks = heard.map(({ clock }) => Number(clock))
  expect(clocks).toEqual(clocks.toSorted((a, b) => a - b))
})

test('events can be switched on and off', async () => {
  const { task, call, startWorker, listenToEvents, control, stateOf } = await plainSetup()
  task('noop', () => null)
  const heard = await listenToEvents()
  await startWorker()
  const quiet = await call('noop')
  await expect.poll(() => stateOf(quiet)).toBe('SUCCESS')
  expect(await control('enable_events')).toEqual({ ok: 'task events enabled' })
  expect(await control('enable_events')).toEqual({ ok: 'task events already enabled' })
  const loud = await call('noop')
  await expect.poll(() => heard.map(({ uuid }) => uuid)).toEqual([loud, loud, loud])
  expect(await control('disable_events')).toEqual({ ok: 'task events disabled' })
})

test('inspection shows what is active, reserved, registered and consumed, as Celery does', async () => {
  const { call, startWorker, control, started, queue, release } = await setup()
  const worker = await startWorker({ concurrency: 1 })
  const [active, reserved] = [await call('slow'), await call('slow')]
  await expect.poll(() => control('reserved')).toMatchObject([{ id: reserved, time_start: null }])
  expect(started).toEqual([active])
  expect(await control('active')).toMatchObject([
    {
      id: active,
      name: 'slow',
      args: [],
      kwargs: {},
      hostname: worker.nodeName,
      acknowledged: false,
      worker_pid: process.pid,
      delivery_info: { routing_key: queue, redelivered: false },
    },
  ])
  expect(await control('registered')).toEqual(['slow'])
  expect(await control('registered', { builtins: true })).toContain('celery.chord_unlock')
  expect(await control('active_queues')).toMatchObject([{ name: queue, routing_key: queue }])
  expect(await control('stats')).toMatchObject({
    pid: process.pid,
    prefetch_count: 4,
    pool: { 'max-concurrency': 1 },
  })
  release.open()
  await expect.poll(() => control('stats')).toMatchObject({ total: { slow: 2 } })
})

test('queues are added and cancelled while the worker runs; prefetched tasks of a cancelled one still run', async () => {
  const { call, startWorker, control, started, depth, release, stateOf } = await setup()
  await startWorker({ concurrency: 1, prefetchMultiplier: 1 })
  const elsewhere = await call('slow', [], { queue: 'elsewhere' })
  expect(await control('add_consumer', { queue: 'elsewhere' })).toEqual({ ok: 'add consumer elsewhere' })
  await expect.poll(() => started).toEqual([elsewhere])
  expect(await control('cancel_consumer', { queue: 'elsewhere' })).toEqual({
    ok: 'no longer consuming from elsewhere',
  })
  expect(await depth('elsewhere')).toMatchObject({ consumers: 0 })
  await call('slow', [], { queue: 'elsewhere' })
  release.open()
  await expect.poll(() => stateOf(elsewhere)).toBe('SUCCESS')
  expect((await depth('elsewhere'))?.messages).toBe(1)
})

test('the pool grows and shrinks, and its prefetch with it', async () => {
  const { call, startWorker, control, started, depth } = await setup()
  await startWorker({ concurrency: 1, prefetchMultiplier: 1 })
  for (let n = 0; n < 4; n++) await call('slow')
  await expect.poll(() => started).toHaveLength(1)
  expect((await depth())?.messages).toBe(3)
  expect(await control('pool_grow', { n: 2 })).toEqual({ ok: 'pool will grow' })
  await expect.poll(() => started).toHaveLength(3)
  await expect.poll(async () => (await depth())?.messages).toBeLessThanOrEqual(1)
  expect(await control('pool_shrink', { n: 2 })).toEqual({ ok: 'pool will shrink' })
  await expect
    .poll(() => control('stats'))
    .toMatchObject({ pool: { 'max-concurrency': 1 }, prefetch_count: 1 })
  expect(await control('autoscale', { max: 3 })).toEqual({ error: "ValueError('Autoscale not enabled')" })
})

test('a worker with autoscale follows its load between min and max', async () => {
  const { call, startWorker, control, started } = await setup()
  await startWorker({ autoscale: { min: 1, max: 3 } })
  for (let n = 0; n < 5; n++) await call('slow')
  await expect.poll(() => started, { timeout: 10_000 }).toHaveLength(3)
  expect(await control('pool_grow')).toEqual({
    error: 'pool_grow is not supported with autoscale. Adjust autoscale range instead.',
  })
  expect(await control('autoscale', { max: 5, min: 2 })).toEqual({ ok: 'autoscale now max=5 min=2' })
  await expect.poll(() => started, { timeout: 10_000 }).toHaveLength(5)
})

test('the autoscaler grows at once and shrinks when slots were idle for half a minute', () => {
  const clock = new FakeClock()
  const sizes: number[] = []
  const worker = {
    slots: { concurrency: 2, active: 2 },
    held: { reserved: 3 },
    resize: (size: number) => {
      sizes.push(size)
      worker.slots.concurrency = size
      return Promise.resolve()
    },
  }
  const autoscaler = new Autoscaler(worker, clock, { min: 1, max: 4 })
  autoscaler.start()
  clock.advance(1_000)
  expect(sizes).toEqual([4])
  Object.assign(worker.slots, { active: 1 })
  Object.assign(worker.held, { reserved: 0 })
  clock.advance(30_000)
  expect(sizes).toEqual([4])
  clock.advance(2_000)
  expect(sizes).toEqual([4, 1])
  autoscaler.stop()
  expect(clock.pending).toBe(0)
})
