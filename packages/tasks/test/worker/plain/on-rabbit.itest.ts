import { useTestRabbit, TcpProxy, type TestRabbit } from '@celeriac/testkit'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { inRabbit } from './in-rabbit.ts'
import { gate, plainSetup } from './plain-setup.ts'

const slow = { timeout: 30_000 }

let rabbit: TestRabbit
beforeAll(async () => {
  rabbit = await useTestRabbit()
})
afterAll(() => rabbit?.close())

async function setup() {
  const surroundings = inRabbit(rabbit)
  const plain = await plainSetup(surroundings)
  await plain.client.purge(plain.queue)
  const started: string[] = []
  const release = gate()
  plain.task('slow', async (_args, _kwargs, { request }) => {
    started.push(request.id)
    await release.opened
  })
  return { ...plain, surroundings, started, release }
}

test('no more is held than the prefetch, and everything is run once', async () => {
  const { call, started, release, startWorker, depth, stateOf } = await setup()
  const worker = await startWorker({ concurrency: 2, prefetchMultiplier: 2 })
  const ids = await Promise.all(Array.from({ length: 10 }, () => call('slow')))
  await expect.poll(() => started, slow).toHaveLength(2)
  await expect.poll(depth, slow).toMatchObject({ messages: 6 })
  release.open()
  await expect
    .poll(async () => new Set(await Promise.all(ids.map(stateOf))), slow)
    .toEqual(new Set(['SUCCESS']))
  expect(started.toSorted()).toEqual(ids.toSorted())
  await worker.stop()
  expect(await depth()).toMatchObject({ messages: 0, consumers: 0 })
})

test('ETA tasks hold no prefetch and survive the restart of the worker', async () => {
  const { task, call, startWorker, stateOf, depth } = await setup()
  const ranAt: number[] = []
  task('due', () => {
    ranAt.push(Date.now())
  })
  const first = await startWorker({ concurrency: 1, prefetchMultiplier: 1 })
  // Later than the first worker needs to stop, also on a machine that has much else to do.
  const due = Date.now() + 8_000
  const eta = new Date(due).toISOString()
  const ids = await Promise.all(Array.from({ length: 5 }, () => call('due', [], { eta })))
  const now = await call('due')
  await expect.poll(() => stateOf(now), slow).toBe('SUCCESS')
  expect(await depth()).toMatchObject({ messages: 0 })
  await first.stop()
  expect(await depth()).toMatchObject({ messages: 0, consumers: 0 })
  await startWorker()
  await expect
    .poll(async () => new Set(await Promise.all(ids.map(stateOf))), slow)
    .toEqual(new Set(['SUCCESS']))
  expect(ranAt.slice(1).every((at) => at >= due)).toBe(true)
})

test('a retry waits on the broker', async () => {
  const { task, call, startWorker, metaOf, depth } = await setup()
  task('patient', (_args, _kwargs, context) => context.retry({ countdown: 3_600 }))
  task('flaky', (_args, _kwargs, context) =>
    context.request.retries < 2 ? context.retry({ countdown: 1 }) : context.request.retries,
  )
  // In an hour: however long the worker takes to stop, it is in no queue that a worker reads.
  const first = await startWorker()
  const patient = await call('patient')
  await expect.poll(() => metaOf(patient), slow).toMatchObject({ status: 'RETRY' })
  await first.stop()
  expect((await depth())?.messages).toBe(0)

  const second = await startWorker()
  const id = await call('flaky')
  await expect.poll(() => metaOf(id), slow).toMatchObject({ status: 'RETRY' })
  await second.stop()
  await startWorker()
  await expect.poll(() => metaOf(id), slow).toMatchObject({ status: 'SUCCESS', result: 2 })
})

test('a link with a countdown finds a queue that nobody has declared', async () => {
  const { task, send, client, topology, startWorker, metaOf } = await setup()
  const { signature } = await import('../../../src/canvas/signature.ts')
  task('one', () => 1)
  task('two', ([one]) => Number(one) + 1)
  await startWorker()
  const elsewhere = `${topology.prefix}elsewhere`
  onTestFinished(() => client.deleteQueue(elsewhere))
  await send(
    signature<readonly []>('one').link(
      signature('two', [], {}, { countdown: 1, queue: elsewhere, task_id: 'linked' }),
    ),
  )
  await startWorker({ queues: [elsewhere] })
  await expect.poll(() => metaOf('linked'), slow).toMatchObject({ status: 'SUCCESS', result: 2 })
})

test('higher priorities come first where the queue has them', async () => {
  const { task, call, client, topology, startWorker, stateOf } = await setup()
  const queue = `${topology.prefix}priorities`
  await client.declare({ queues: [{ name: queue, type: 'classic', maxPriority: 9 }] })
  onTestFinished(() => client.deleteQueue(queue))
  const order: number[] = []
  task('prior', (_args, _kwargs, { request }) => {
    order.push(request.priority)
  })
  const ids: string[] = []
  for (const priority of [0, 5, 9, 1]) ids.push(await call('prior', [], { queue, priority }))
  await startWorker({ queues: [queue], concurrency: 1, prefetchMultiplier: 1 })
  await expect
    .poll(async () => new Set(await Promise.all(ids.map(stateOf))), slow)
    .toEqual(new Set(['SUCCESS']))
  expect(order).toEqual([9, 5, 1, 0])
})

test('a rate limit spaces runs, and other tasks pass', async () => {
  const { task, call, startWorker, stateOf } = await setup()
  const at: number[] = []
  task('limited', () => void at.push(Date.now()), { rateLimit: '2/s' })
  task('free', () => null)
  await startWorker({ concurrency: 1, prefetchMultiplier: 1 })
  const calledAt = Date.now()
  const ids = await Promise.all(Array.from({ length: 4 }, () => call('limited')))
  const free = await call('free')
  await expect.poll(() => stateOf(free), slow).toBe('SUCCESS')
  await expect
    .poll(async () => new Set(await Promise.all(ids.map(stateOf))), slow)
    .toEqual(new Set(['SUCCESS']))
  // A run may come later after its turn than the next one does (due-times.test.ts has the gaps, on a clock of its own), but
  // none before its turn, the first of which was after the calls. A timer of Node may fire a millisecond early.
  expect(at.map((each, index) => each - calledAt >= index * 490)).toEqual([true, true, true, true])
})

test('a connection that is cut again and again costs nothing: running tasks end once, waiting ones are run', async () => {
  const { task, call, startWorker, stateOf, surroundings, depth } = await setup()
  const { proxy, url } = await TcpProxy.before(rabbit.url)
  onTestFinished(() => proxy.close())
  const runs = new Map<string, number>()
  task('short', async (_args, _kwargs, { request }) => {
    runs.set(request.id, (runs.get(request.id) ?? 0) + 1)
    await new Promise((resolve) => setTimeout(resolve, 5))
  })
  const broker = await surroundings.connect(url)
  const worker = await startWorker({ broker, concurrency: 4 })
  const ids: string[] = []
  for (let round = 0; round < 20; round++) {
    for (let n = 0; n < 10; n++) ids.push(await call('short'))
    proxy.cut()
  }
  await expect
    .poll(async () => new Set(await Promise.all(ids.map(stateOf))), slow)
    .toEqual(new Set(['SUCCESS']))
  // One worker: a repeated delivery finds the run, its end, or the stored result.
  expect([...runs.values()].filter((count) => count !== 1)).toEqual([])
  await expect.poll(() => worker.isConsuming, slow).toBe(true)
  // The broker has noticed the end of every other connection: what they had has come back, and was dealt with.
  await expect.poll(depth, slow).toMatchObject({ messages: 0, consumers: 1 })
  await worker.stop()
  expect(await depth()).toMatchObject({ messages: 0, consumers: 0 })
})

test('shutdown: warm gives back what waits, cold also what runs', async () => {
  const { call, started, release, startWorker, depth, stateOf } = await setup()
  const ids = await Promise.all([call('slow'), call('slow'), call('slow')])
  const warm = await startWorker({ concurrency: 1 })
  await expect.poll(() => started, slow).toHaveLength(1)
  const stopped = warm.stop()
  await expect.poll(depth, slow).toMatchObject({ messages: 2, consumers: 0 })
  const cold = await startWorker({ concurrency: 2 })
  await expect.poll(() => started, slow).toHaveLength(3)
  await cold.abort()
  await expect.poll(depth, slow).toMatchObject({ messages: 2, consumers: 0 })
  release.open()
  await stopped
  await startWorker()
  await expect.poll(() => Promise.all(ids.map(stateOf)), slow).toEqual(['SUCCESS', 'SUCCESS', 'SUCCESS'])
})
