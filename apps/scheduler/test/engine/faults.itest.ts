/** What goes wrong at the worst moment: between a claim and a load, between a hand-over and a result in the inbox. */
import { encodeOutcome } from '@celeriac/contracts'
import { AppError, partitionOf, type OperatorTask, type OutgoingMessage, type Store } from '@celeriac/core'
import { succeeded } from '@celeriac/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EngineHarness, planOf, topology } from './engine-harness.ts'

const chain = planOf({ a: [], b: ['a'] })
let harness: EngineHarness

beforeEach(async () => {
  harness = await EngineHarness.create()
})
afterEach(() => harness.close())

/** The store with some methods replaced. */
const withFault = (store: Store, fault: Partial<Store>): Store =>
  new Proxy(store, {
    get(target, name) {
      const value = (fault[name as keyof Store] ?? target[name as keyof Store]) as unknown
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })

const away = (): AppError => new AppError('STORE_UNAVAILABLE', 'the database is away')

function aGate(): { open: () => void; passed: Promise<void> } {
  let open = (): void => {}
  const passed = new Promise<void>((resolve) => (open = resolve))
  return { open, passed }
}

/** Stored runs, all of one partition. */
async function submitTo(partition: number, count: number): Promise<string[]> {
  const runs: string[] = []
  while (runs.length < count) runs.push(await harness.submit(chain, { announce: false, partition }))
  for (const run_id of runs) await harness.tell({ event: 'run.created', run_id })
  return runs
}

const stateOf = async (runId: string, id: string): Promise<string | undefined> =>
  (await harness.states(runId))[id]

test('a takeover that the database breaks off half way is done again, with all runs', async () => {
  const first = await harness.startEngine('s1')
  const gate = aGate()
  await harness.startWorker(() => gate.passed.then(succeeded), 16)
  const runs = await submitTo(5, 3)
  for (const runId of runs) await expect.poll(() => stateOf(runId, 'a'), { timeout: 5_000 }).toBe('running')
  await first.stop()
  const failing = new Set(runs)
  const store = withFault(harness.store, {
    findRun: (id) => (failing.delete(id) ? Promise.reject(away()) : harness.store.findRun(id)),
  })
  const second = await harness.startEngine('s2', store)
  Object.defineProperty(second.broker, 'isDurable', { value: true })
  gate.open()
  for (const runId of runs) await harness.waitFor(runId, 'succeeded')
})

test('runs that cannot be loaded again after a refused batch are not forgotten', async () => {
  let faults: 'none' | 'conflict' | 'away' = 'none'
  let failures = 0
  const store = withFault(harness.store, {
    commitBatch: async (batch) => {
      if (faults !== 'conflict' || batch.tasks.length === 0) return await harness.store.commitBatch(batch)
      faults = 'away'
      return { kind: 'conflict', runIds: [] }
    },
    findRun: async (id) => {
      if (faults !== 'away') return await harness.store.findRun(id)
      if (++failures === 2) faults = 'none'
      throw away()
    },
  })
  const { broker } = await harness.startEngine('s1', store)
  Object.defineProperty(broker, 'isDurable', { value: true })
  const gate = aGate()
  await harness.startWorker(() => gate.passed.then(succeeded))
  const runId = await harness.submit(chain)
  await expect.poll(() => stateOf(runId, 'a'), { timeout: 5_000 }).toBe('running')
  faults = 'conflict'
  gate.open()
  await harness.waitFor(runId, 'succeeded')
})

test('a result that this scheduler does not know is not acked under an epoch that is over', async () => {
  const { engine } = await harness.startEngine('s1')
  await expect.poll(() => engine.partitions.length, { timeout: 5_000 }).toBe(8)
  const gate = aGate()
  const { worker } = await harness.startWorker(() => gate.passed.then(succeeded))
  const runId = await harness.submit(chain)
  await expect.poll(() => stateOf(runId, 'a'), { timeout: 5_000 }).toBe('running')
  // Another scheduler owned the partition for a moment: it has seen the end of a and sent b.
  const run = (await harness.store.findRun(runId))!
  const { partition } = run.head
  const { epoch } = await harness.store.claimPartition({ partition, owner: 'other' })
  const [a, b] = run.tasks as readonly [OperatorTask, OperatorTask]
  const result = { outputs: {}, metrics: {}, compat: [] }
  const now = Date.now()
  const write = (fromAttempt: number, from: OperatorTask, task: OperatorTask) =>
    ({ runId, fromState: from.state, fromAttempt, task }) as const
  const tasks = [
    write(1, a, { ...a, state: 'succeeded', result, finishedAt: now }),
    write(0, b, { ...b, state: 'queued', attempt: 1, attemptId: 'attempt-of-b', readyAt: now }),
  ]
  const fences = [{ partition, epoch }]
  const batch = { fences, heads: [], tasks, attempts: [], deployments: [] }
  expect(await harness.store.commitBatch(batch)).toEqual({ kind: 'committed' })
  await worker.abort()
  await harness.client.publish([
    encodeOutcome(
      'attempt-of-b',
      topology.eventQueue(partition),
      { worker: 'w', startedAt: now },
      { status: 'succeeded', result },
    ),
  ])
  await harness.waitFor(runId, 'succeeded', 5_000)
})

test('a result in the inbox of a scheduler that hands its partition over goes to the new owner', async () => {
  const hold: { gate: Promise<void> | null } = { gate: null }
  let heldCommits = 0
  const claims: string[] = []
  const holding = withFault(harness.store, {
    commitBatch: async (batch) => {
      if (hold.gate !== null) heldCommits++
      await hold.gate
      return await harness.store.commitBatch(batch)
    },
    claimPartition: (claim) => {
      if (claim.partition === 7) claims.push('s1')
      return harness.store.claimPartition(claim)
    },
  })
  const first = await harness.startEngine('s1', holding)
  Object.defineProperty(first.broker, 'isDurable', { value: true })
  await expect.poll(() => first.engine.partitions.length, { timeout: 5_000 }).toBe(8)
  const gate = aGate()
  const { worker } = await harness.startWorker(({ operatorId }) =>
    operatorId === 'a' ? gate.passed.then(succeeded) : succeeded(),
  )
  const [runId] = (await submitTo(7, 1)) as [string]
  await expect.poll(() => stateOf(runId, 'a'), { timeout: 5_000 }).toBe('running')
  const held = aGate()
  hold.gate = held.passed
  await submitTo(0, 1)
  await expect.poll(() => heldCommits).toBeGreaterThan(0)
  gate.open()
  await expect.poll(() => worker.counts().processed).toBeGreaterThan(0)
  const second = await harness.startEngine('s2')
  Object.defineProperty(second.broker, 'isDurable', { value: true })
  await expect.poll(() => second.engine.partitions, { timeout: 10_000 }).toContain(7)
  hold.gate = null
  held.open()
  await harness.waitFor(runId, 'succeeded', 5_000)
  expect(claims).toEqual(['s1'])
})

test('a partition whose subscription failed at its hand-over is subscribed to again', async () => {
  const first = await harness.startEngine('s1')
  await expect.poll(() => first.engine.partitions.length, { timeout: 5_000 }).toBe(8)
  const consume = first.broker.consume.bind(first.broker)
  let failures = 0
  first.broker.consume = (options) =>
    failures++ === 0
      ? Promise.reject(new AppError('BROKER_UNAVAILABLE', 'the queue has no leader'))
      : consume(options)
  const second = await harness.startEngine('s2')
  await expect.poll(() => second.engine.partitions.length, { timeout: 10_000 }).toBeGreaterThan(0)
  await second.stop()
  await expect.poll(() => first.engine.partitions.length, { timeout: 10_000 }).toBe(8)
})

test('an operator whose executor has no queue fails; what is ready beside it is sent', async () => {
  await harness.startEngine('s1')
  await harness.startWorker()
  const plan = planOf({ a: [], b: [] }, (id) => (id === 'a' ? { executor: 'nowhere' } : {}))
  const run = await harness.waitFor(await harness.submit(plan), 'failed', 5_000)
  expect(run.tasks).toMatchObject([
    { state: 'failed', error: { code: 'CONFIG_INVALID' } },
    { state: 'succeeded' },
  ])
})

test('ready tasks whose publishing broke are published later', async () => {
  const { broker } = await harness.startEngine('s1')
  await harness.startWorker()
  const publish = broker.publish.bind(broker)
  let isBroken = true
  const isTask = ({ routingKey }: OutgoingMessage): boolean => routingKey === topology.executorQueue('local')
  broker.publish = (messages) => {
    if (!isBroken || !messages.some(isTask)) return publish(messages)
    isBroken = false
    return Promise.reject(new Error('the driver has a bad day'))
  }
  await harness.waitFor(await harness.submit(chain), 'succeeded', 5_000)
})

test('a message that breaks its reader is parked, not tried for ever', async () => {
  await harness.startEngine('s1')
  const nested = '['.repeat(100_000) + ']'.repeat(100_000)
  const body = `{"task_id":"x","status":"FAILURE","result":{"exc_type":"E","exc_message":${nested}}}`
  await harness.client.publish([
    { exchange: '', routingKey: topology.eventQueue(3), body: new TextEncoder().encode(body) },
  ])
  await expect
    .poll(async () => (await harness.client.depths([topology.deadLetter]))[0]?.messages, { timeout: 5_000 })
    .toBe(1)
})

test('what the database refuses for good is not tried without a pause', async () => {
  let poison = ''
  let tries = 0
  const store = withFault(harness.store, {
    commitBatch: (batch) => {
      if (!batch.heads.some(({ head }) => head.id === poison)) return harness.store.commitBatch(batch)
      tries++
      return Promise.reject(new AppError('INTERNAL_ERROR', 'a constraint is violated'))
    },
  })
  await harness.startEngine('s1', store)
  poison = await harness.submit(chain, { announce: false })
  await harness.tell({ event: 'run.created', run_id: poison })
  await expect.poll(() => tries, { timeout: 5_000 }).toBeGreaterThan(0)
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  expect(tries).toBeLessThan(10)
})

test('a schema that does not fit is an outage of the database, not the fault of the events', async () => {
  let faults = 0
  let isBroken = false
  const store = withFault(harness.store, {
    commitBatch: (batch) => {
      if (!isBroken) return harness.store.commitBatch(batch)
      faults++
      return Promise.reject(new AppError('STORE_SCHEMA_OLDER', 'the database lacks a function'))
    },
  })
  const { broker } = await harness.startEngine('s1', store)
  Object.defineProperty(broker, 'isDurable', { value: true })
  const gate = aGate()
  await harness.startWorker(() => gate.passed.then(succeeded))
  const runId = await harness.submit(chain)
  await expect.poll(() => stateOf(runId, 'a'), { timeout: 5_000 }).toBe('running')
  isBroken = true
  gate.open()
  await expect.poll(() => faults, { timeout: 5_000 }).toBeGreaterThan(1)
  isBroken = false
  await harness.waitFor(runId, 'succeeded', 5_000)
})

test('a worker that starts what was cancelled before it came is told to stop', async () => {
  await harness.startEngine('s1')
  const runId = await harness.submit(planOf({ a: [] }))
  await expect.poll(() => stateOf(runId, 'a')).toBe('queued')
  await harness.tell({ event: 'run.cancel', run_id: runId })
  await harness.waitFor(runId, 'cancelled')
  // This one was not there when the revocation went out.
  const { worker, executor } = await harness.startWorker(() => new Promise(() => {}))
  await expect.poll(() => executor.attempts.length).toBe(1)
  await expect.poll(() => worker.counts(), { timeout: 5_000 }).toEqual({ active: 0, processed: 1 })
})

test('a rerun that is delivered twice runs once, even if the first has ended by then', async () => {
  await harness.startEngine('s1')
  await harness.startWorker()
  const runId = await harness.submit(planOf({ a: [] }))
  const { version } = (await harness.waitFor(runId, 'succeeded')).head
  const rerun = { event: 'run.rerun', run_id: runId, from: 'a', only: false, version } as const
  const attempt = async (): Promise<number | undefined> =>
    (await harness.store.findRun(runId))?.tasks[0]?.attempt
  await harness.tell(rerun)
  await expect.poll(attempt).toBe(2)
  await harness.waitFor(runId, 'succeeded')
  await harness.tell(rerun)
  // Behind it in the same queue: once this run has ended, the second rerun has been dealt with.
  const [next] = (await submitTo(partitionOf(runId), 1)) as [string]
  await harness.waitFor(next, 'succeeded')
  expect(await attempt()).toBe(2)
})
