import { encodeTaskMessage, operatorTaskName } from '@celeriac/contracts'
import { AppError, type Store } from '@celeriac/core'
import { failed, succeeded } from '@celeriac/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EngineHarness, planOf, topology } from './engine-harness.ts'

const diamond = planOf({ a: [], b: ['a'], c: ['a'], d: ['b', 'c'] })
let harness: EngineHarness

beforeEach(async () => {
  harness = await EngineHarness.create()
})
afterEach(() => harness.close())

/** The store with one method replaced. */
const withFault = (store: Store, fault: Partial<Store>): Store =>
  new Proxy(store, {
    get(target, name) {
      const own = fault[name as keyof Store]
      const value = (own ?? target[name as keyof Store]) as (...args: unknown[]) => unknown
      return typeof value === 'function' ? value.bind(own === undefined ? target : fault) : value
    },
  })

test('a run goes from its announcement to its end, each operator once and after its upstream', async () => {
  await harness.startEngine('s1')
  const { executor } = await harness.startWorker()
  const runId = await harness.submit(diamond)
  const run = await harness.waitFor(runId, 'succeeded')
  const order = executor.attempts.map(({ operatorId }) => operatorId)
  expect(order.toSorted()).toEqual(['a', 'b', 'c', 'd'])
  expect([order[0], order[3]]).toEqual(['a', 'd'])
  expect(
    run.tasks.every(
      ({ attempt, state, worker }) => attempt === 1 && state === 'succeeded' && worker !== null,
    ),
  ).toBe(true)
})

test('a run that nobody announced is found by scan', async () => {
  await harness.startEngine('s1')
  await harness.startWorker()
  await harness.waitFor(await harness.submit(diamond, { announce: false }), 'succeeded')
})

test('the inputs of an attempt are the outputs of its upstream operators', async () => {
  await harness.startEngine('s1')
  const { executor } = await harness.startWorker((attempt) => ({
    status: 'succeeded',
    result: {
      outputs: { '0': { type: 'Table', uri: `${attempt.outputPrefix}/0` } },
      metrics: {},
      compat: [],
    },
  }))
  const runId = await harness.submit(planOf({ a: [], b: ['a'] }))
  await harness.waitFor(runId, 'succeeded')
  const [, second] = executor.attempts
  expect(second).toMatchObject({
    runId,
    operatorId: 'b',
    attempt: 1,
    inputs: { '0': [{ type: 'Table', uri: `file:///artifacts/runs/${runId}/a/1/0` }] },
    outputPrefix: `file:///artifacts/runs/${runId}/b/1`,
  })
})

test('a failed attempt is tried again after its backoff, and the earlier attempt is kept', async () => {
  await harness.startEngine('s1')
  await harness.startWorker(({ attempt }) => (attempt < 3 ? failed() : succeeded()))
  const plan = planOf({ a: [] }, () => ({ retry: { max: 5, backoffMs: 5, backoffMaxMs: 10, jitter: true } }))
  const runId = await harness.submit(plan)
  const run = await harness.waitFor(runId, 'succeeded')
  expect(run.tasks[0]).toMatchObject({ attempt: 3, retries: 2 })
  expect(await harness.store.listAttempts(runId)).toMatchObject([
    { attempt: 1, outcome: 'failed' },
    { attempt: 2, outcome: 'failed' },
  ])
})

test('a failure reaches what hangs on it only, and a rerun of what failed reuses the rest', async () => {
  let isBroken = true
  await harness.startEngine('s1')
  const { executor } = await harness.startWorker(({ operatorId }) =>
    operatorId === 'b' && isBroken ? failed(false) : succeeded(),
  )
  const runId = await harness.submit(planOf({ a: [], b: ['a'], c: ['a'], d: ['b'] }))
  await harness.waitFor(runId, 'failed')
  expect(await harness.states(runId)).toEqual({
    a: 'succeeded',
    b: 'failed',
    c: 'succeeded',
    d: 'upstream_failed',
  })
  isBroken = false
  await harness.tell({ event: 'run.rerun', run_id: runId, from: 'failed', only: false })
  await harness.waitFor(runId, 'succeeded')
  expect(executor.attempts.map(({ operatorId, attempt }) => `${operatorId}${attempt}`).toSorted()).toEqual([
    'a1',
    'b1',
    'b2',
    'c1',
    'd1',
  ])
})

test('a cancel ends the run although an attempt would run for ever', async () => {
  await harness.startEngine('s1')
  await harness.startWorker(() => new Promise(() => {}))
  const runId = await harness.submit(planOf({ a: [], b: ['a'] }))
  await expect.poll(() => harness.states(runId)).toEqual({ a: 'running', b: 'pending' })
  await harness.tell({ event: 'run.cancel', run_id: runId })
  await harness.waitFor(runId, 'cancelled')
  expect(await harness.states(runId)).toEqual({ a: 'cancelled', b: 'cancelled' })
})

test('when a scheduler goes, its peer takes its partitions and its runs over', async () => {
  const first = await harness.startEngine('s1')
  await expect.poll(() => first.engine.partitions.length, { timeout: 5_000 }).toBe(8)
  let release = (): void => {}
  const gate = new Promise<void>((resolve) => (release = resolve))
  await harness.startWorker(() => gate.then(succeeded))
  const runs = await Promise.all(Array.from({ length: 10 }, () => harness.submit(diamond)))
  for (const runId of runs)
    await expect.poll(async () => (await harness.states(runId))['a'], { timeout: 10_000 }).not.toBe('pending')
  const second = await harness.startEngine('s2')
  await first.broker.stop() // its connection is gone, as by kill -9
  release()
  for (const runId of runs) await harness.waitFor(runId, 'succeeded')
  // Also those in which there was no run.
  await expect.poll(() => second.engine.partitions).toHaveLength(8)
})

test('partitions spread evenly over the schedulers alive', async () => {
  const engines = [await harness.startEngine('s1'), await harness.startEngine('s2')]
  await expect
    .poll(() => engines.map(({ engine }) => engine.partitions.length), { timeout: 20_000, interval: 100 })
    .toEqual([4, 4])
  await harness.startWorker()
  const runs = await Promise.all(Array.from({ length: 20 }, () => harness.submit(diamond)))
  for (const runId of runs) await harness.waitFor(runId, 'succeeded')
})

test('a scheduler that lost its partition without knowing it changes nothing', async () => {
  const { engine } = await harness.startEngine('s1')
  await expect.poll(() => engine.partitions.length, { timeout: 5_000 }).toBe(8)
  let release = (): void => {}
  const gate = new Promise<void>((resolve) => (release = resolve))
  await harness.startWorker(() => gate.then(succeeded))
  const runId = await harness.submit(diamond)
  await expect.poll(async () => (await harness.states(runId))['a'], { timeout: 5_000 }).not.toBe('pending')
  const { head } = (await harness.store.findRun(runId))!
  // Someone else claims the partition: the engine's next write is refused, it gives up, probes, and takes over again.
  const { epoch } = await harness.store.claimPartition({ partition: head.partition, owner: 'other' })
  release()
  await harness.waitFor(runId, 'succeeded')
  expect(
    (await harness.store.claimPartition({ partition: head.partition, owner: 'check' })).epoch,
  ).toBeGreaterThan(epoch + 1)
})

test('while the database is away the same batch is tried until it is back, and nothing is lost', async () => {
  let isAway = false
  let refused = 0
  const store = withFault(harness.store, {
    commitBatch: (batch) => {
      if (!isAway) return harness.store.commitBatch(batch)
      refused++
      throw new AppError('STORE_UNAVAILABLE', 'the database is away')
    },
  })
  await harness.startEngine('s1', store)
  await harness.startWorker()
  await harness.waitFor(await harness.submit(diamond), 'succeeded')
  isAway = true
  const runId = await harness.submit(diamond)
  await expect.poll(() => refused, { timeout: 5_000 }).toBeGreaterThan(1)
  isAway = false
  await harness.waitFor(runId, 'succeeded')
})

test('a commit that succeeded although its answer was lost is not done twice', async () => {
  let isLost = false
  const store = withFault(harness.store, {
    commitBatch: async (batch) => {
      const outcome = await harness.store.commitBatch(batch)
      if (!isLost) return outcome
      isLost = false
      throw new AppError('STORE_UNAVAILABLE', 'the answer was lost')
    },
  })
  await harness.startEngine('s1', store)
  const { executor } = await harness.startWorker()
  await harness.waitFor(await harness.submit(planOf({ warm: [] })), 'succeeded')
  isLost = true
  const runId = await harness.submit(diamond)
  const run = await harness.waitFor(runId, 'succeeded')
  expect(run.tasks.every(({ attempt }) => attempt === 1)).toBe(true)
  expect(executor.attempts.length).toBeGreaterThanOrEqual(5)
})

test('a batch that the database refuses for good does not stop the others', async () => {
  let poison = ''
  const store = withFault(harness.store, {
    commitBatch: (batch) => {
      if (batch.heads.some(({ head }) => head.id === poison))
        throw new AppError('INTERNAL_ERROR', 'a constraint is violated')
      return harness.store.commitBatch(batch)
    },
  })
  await harness.startEngine('s1', store)
  await harness.startWorker()
  poison = await harness.submit(diamond, { announce: false })
  await harness.tell({ event: 'run.created', run_id: poison })
  const runs = await Promise.all(Array.from({ length: 5 }, () => harness.submit(diamond)))
  for (const runId of runs) await harness.waitFor(runId, 'succeeded')
  expect((await harness.store.findRunHead(poison))?.state).toBe('queued')
  await expect
    .poll(async () => (await harness.client.depths([topology.deadLetter]))[0]?.messages)
    .toBeGreaterThan(0)
})

test('a task message that the broker gave up on fails its operator as lost with its worker', async () => {
  await harness.startEngine('s1')
  const runId = await harness.submit(planOf({ a: [] }))
  await expect.poll(async () => (await harness.states(runId))['a']).toBe('queued')
  const consumer = await harness.client.consume({
    queue: topology.executorQueue('local'),
    prefetch: 1,
    onDelivery: (delivery) => delivery.reject(),
  })
  const run = await harness.waitFor(runId, 'failed')
  expect(run.tasks[0]).toMatchObject({ state: 'failed', error: { code: 'TASK_WORKER_LOST' } })
  await consumer.cancel()
})

test('a parameter too large for a message fails its operator with that reason', async () => {
  await harness.startEngine('s1')
  const plan = planOf({ a: [], b: [] }, (id) => (id === 'a' ? { params: { text: 'x'.repeat(300_000) } } : {}))
  await harness.startWorker()
  const run = await harness.waitFor(await harness.submit(plan), 'failed')
  expect(run.tasks).toMatchObject([
    { state: 'failed', error: { code: 'BROKER_MESSAGE_TOO_LARGE' } },
    { state: 'succeeded' },
  ])
})

test('malformed messages on an event queue are parked with a reason', async () => {
  await harness.startEngine('s1')
  await harness.client.publish([
    { exchange: '', routingKey: topology.eventQueue(3), body: new TextEncoder().encode('nonsense') },
    encodeTaskMessage(
      {
        id: 'x',
        task: operatorTaskName,
        args: [],
        kwargs: {},
        rootId: 'x',
        parentId: null,
        replyTo: '',
        retries: 0,
        timelimit: [null, null],
        eta: null,
        expires: null,
        origin: '',
      },
      topology.undelivered,
    ),
  ])
  const parkedFrom = new Set<unknown>()
  const consumer = await harness.client.consume({
    queue: topology.deadLetter,
    prefetch: 0,
    noAck: true,
    onDelivery: ({ headers }) => void parkedFrom.add(headers?.['x-celeriac-queue']),
  })
  await expect.poll(() => parkedFrom).toEqual(new Set([topology.eventQueue(3), topology.undelivered]))
  await consumer.cancel()
})

test('after a restart of everything behind a broker that forgets, runs in flight go on', async () => {
  const first = await harness.startEngine('s1')
  const { worker } = await harness.startWorker(() => new Promise(() => {}))
  const runId = await harness.submit(diamond)
  await expect.poll(async () => (await harness.states(runId))['a']).toBe('running')
  await first.stop()
  await worker.abort()
  await harness.startEngine('s2')
  await harness.startWorker()
  const run = await harness.waitFor(runId, 'succeeded')
  expect(run.tasks[0]).toMatchObject({ attempt: 1 })
})

test('an answer that cannot be read fails its operator and is parked, so that nobody waits for ever', async () => {
  await harness.startEngine('s1')
  const consumer = await harness.client.consume({
    queue: topology.executorQueue('local'),
    prefetch: 1,
    onDelivery: (delivery) => {
      const { correlationId = '', replyTo = '' } = delivery
      const body = new TextEncoder().encode('{"task_id":"')
      void harness.client.publish([{ exchange: '', routingKey: replyTo, correlationId, body }])
      delivery.ack()
    },
  })
  const run = await harness.waitFor(await harness.submit(planOf({ a: [], b: ['a'] })), 'failed')
  expect(run.tasks).toMatchObject([
    { state: 'failed', error: { code: 'TASK_MALFORMED_RESULT' } },
    { state: 'upstream_failed' },
  ])
  await expect.poll(async () => (await harness.client.depths([topology.deadLetter]))[0]?.messages).toBe(1)
  await consumer.cancel()
})
