import { buildTopology, createMemoryBroker, createMemoryServer } from '@celeriac/broker'
import { decodeEngineMessage, type WorkerEvent } from '@celeriac/contracts'
import { partitionOf, type Delivery, type EngineEvent, type OperatorTask } from '@celeriac/core'
import { createMetrics, silentLogger } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { LeaseWatch } from '../../src/engine/lease-watch.ts'
import { leaseTtlMs } from '../../src/engine/leases.ts'
import { createEngineMetrics } from '../../src/engine/metrics.ts'
import { Ownership } from '../../src/engine/ownership.ts'
import type { CachedRun, RunCache } from '../../src/engine/run-cache.ts'

const runId = 'run-1'
const partition = partitionOf(runId)

async function setup(change: Partial<OperatorTask> = {}) {
  const clock = new FakeClock()
  const topology = buildTopology()
  const broker = createMemoryBroker({ server: createMemoryServer({ topology, clock }) })
  await broker.start()
  onTestFinished(() => broker.stop())
  const ownership = new Ownership()
  ownership.gain(partition, 1)
  const task = {
    ordinal: 0,
    state: 'running',
    attempt: 1,
    attemptId: 'a1',
    worker: 'w1',
    isLeased: true,
    ...change,
  }
  const cached = { run: { head: { id: runId, partition }, tasks: [task] } } as unknown as CachedRun
  const cache = {
    get: (id: string) => (id === runId ? cached : undefined),
    findAttempt: (id: string) =>
      id === task.attemptId ? { runId, ordinal: 0, attempt: 1, isPlainTask: false } : undefined,
  } as unknown as RunCache
  const hears = { now: true }
  const events: EngineEvent[] = []
  const strays: string[] = []
  const watch = new LeaseWatch({
    broker,
    topology,
    clock,
    logger: silentLogger(),
    metrics: createEngineMetrics(createMetrics({ processMetrics: false })),
    name: 's1',
    cache,
    ownership,
    canHear: () => hears.now,
    onEvent: (_runId, event) => events.push(event),
    onStray: (_runId, attemptId) => strays.push(attemptId),
  })
  watch.start()
  onTestFinished(() => watch.stop())
  clock.advance(500)
  const beat = (hostname: string, leases: string[], more: Partial<WorkerEvent> = {}): void =>
    watch.heard({ type: 'worker-heartbeat', hostname, timestamp: 0, leases, ...more })
  /** Marks that the watch has sent through the partition's queue. */
  const marks = async (): Promise<number[]> => {
    await new Promise<void>((resolve) => setImmediate(resolve))
    const found: Delivery[] = []
    const consumer = await broker.consume({
      queue: topology.eventQueue(partition),
      prefetch: 0,
      onDelivery: (delivery) => found.push(delivery),
    })
    await new Promise<void>((resolve) => setImmediate(resolve))
    await consumer.cancel()
    return found.map((delivery) => {
      delivery.ack()
      const message = decodeEngineMessage(delivery)
      return message.event === 'partition.probe' && message.sender === 's1' ? (message.mark ?? -1) : -1
    })
  }
  return { clock, watch, cached, task, hears, events, strays, beat, marks }
}

test('an overdue lease expires only when all that was said before is read', async () => {
  const { clock, watch, cached, events, marks } = await setup()
  watch.loaded(cached)
  clock.advance(leaseTtlMs + 500)
  expect(events).toEqual([])
  const [mark, ...more] = await marks()
  expect(more).toEqual([])
  clock.advance(5_000)
  expect(events).toEqual([])
  watch.marked(partition, mark! + 1)
  expect(events).toEqual([])
  watch.marked(partition, mark!)
  expect(events).toEqual([{ type: 'lease_expired', ordinal: 0, attempt: 1, worker: 'w1' }])
  expect(watch.isLost('a1')).toBe(true)
})

test('a lease that is renewed while the mark is under way stays', async () => {
  const { clock, watch, cached, events, beat, marks } = await setup()
  watch.loaded(cached)
  clock.advance(leaseTtlMs + 500)
  const [mark] = await marks()
  beat('w1', ['a1'])
  watch.marked(partition, mark!)
  expect(events).toEqual([])
  clock.advance(leaseTtlMs + 500)
  expect(await marks()).toEqual([mark! + 1])
})

test.each([
  ['has a term of its own', true],
  ['keeps what its delivery guards, heartbeats or not', false],
])('a worker that starts the attempt while the mark is under way %s', async (_what, isLeased) => {
  const { clock, watch, task, events, beat, marks } = await setup({ isLeased })
  beat('w1', ['a1'])
  clock.advance(leaseTtlMs + 500)
  const [mark] = await marks()
  // The broker gave the delivery to another worker, whose STARTED came before the mark.
  task.worker = 'w2'
  watch.marked(partition, mark!)
  expect(events).toEqual([])
  clock.advance(leaseTtlMs + 500)
  expect(await marks()).toEqual(isLeased ? [mark! + 1] : [])
})

test('a mark that does not come back is sent again', async () => {
  const { clock, watch, cached, marks } = await setup()
  watch.loaded(cached)
  clock.advance(leaseTtlMs + 500)
  expect(await marks()).toEqual([1])
  clock.advance(9_000)
  expect(await marks()).toEqual([])
  clock.advance(1_500)
  expect(await marks()).toEqual([1])
})

test('nothing is overdue while no heartbeat can be heard, nor at once after that', async () => {
  const { clock, watch, cached, hears, marks } = await setup()
  watch.loaded(cached)
  hears.now = false
  clock.advance(60_000)
  hears.now = true
  clock.advance(9_000)
  expect(await marks()).toEqual([])
  clock.advance(2_000)
  expect(await marks()).toEqual([1])
})

test('a mark that comes back to a scheduler that was asleep expires nothing', async () => {
  const { clock, watch, cached, events, marks } = await setup()
  watch.loaded(cached)
  clock.advance(leaseTtlMs + 500)
  const [mark] = await marks()
  // SIGCONT: the timers have not run yet, and the heartbeats of an hour are unread.
  Object.defineProperty(clock, 'now', {
    value: (
      (now) => () =>
        now + 3_600_000
    )(clock.now()),
  })
  watch.marked(partition, mark!)
  expect(events).toEqual([])
})

test.each([
  ['its STARTED was lost', { state: 'queued', worker: null, isLeased: false }, [], false],
  ['it is handed over, which nobody has stored', { isLeased: false }, ['a1'], true],
] as const)('a listed attempt is taken for started when %s', async (_why, change, handedOver, isLeased) => {
  const { events, beat } = await setup(change as Partial<OperatorTask>)
  beat('w1', ['a1'], { handed_over: [...handedOver] })
  expect(events).toEqual([
    { type: 'started', ordinal: 0, attempt: 1, worker: 'w1', startedAt: null, isLeased },
  ])
})

test('a second worker that runs the attempt changes nothing while the first is alive, then holds it', async () => {
  const { clock, watch, events, beat, marks } = await setup()
  beat('w1', ['a1'])
  for (let second = 0; second < 3; second++) {
    clock.advance(1_000)
    beat('w1', ['a1'])
    beat('w2', ['a1'])
  }
  expect(events).toEqual([])
  for (let second = 0; second < 5; second++) {
    clock.advance(1_000)
    beat('w2', ['a1'])
  }
  const [mark] = await marks()
  watch.marked(partition, mark!)
  expect(events).toEqual([
    { type: 'started', ordinal: 0, attempt: 1, worker: 'w2', startedAt: null, isLeased: true },
  ])
})

test('an attempt that is not in flight is a stray when it is listed twice, if its run belongs here', async () => {
  const { clock, strays, beat } = await setup()
  const foreign = Array.from({ length: 100 }, (_, index) => `run-${index}`).find(
    (id) => partitionOf(id) !== partition,
  )!
  const all = ['old', 'foreign', 'unnamed']
  const lease_runs = [runId, foreign]
  beat('w1', all, { lease_runs })
  expect(strays).toEqual([])
  clock.advance(1_000)
  beat('w1', all, { lease_runs })
  expect(strays).toEqual(['old'])
})

test('a lease that nobody in particular holds is given back when it expires', async () => {
  const { clock, watch, cached, events, marks } = await setup({ worker: null })
  watch.loaded(cached)
  clock.advance(leaseTtlMs + 500)
  const [mark] = await marks()
  watch.marked(partition, mark!)
  expect(events).toEqual([{ type: 'returned', ordinal: 0, attempt: 1, worker: null }])
})

test('leases of attempts that have ended are dropped without a word', async () => {
  const { clock, watch, cached, task, events, marks } = await setup()
  watch.loaded(cached)
  expect(watch.held).toBe(1)
  Object.assign(task, { state: 'succeeded', attemptId: null })
  clock.advance(leaseTtlMs + 500)
  expect(watch.held).toBe(0)
  expect([await marks(), events]).toEqual([[], []])
})
