import { AppError, type Store } from '@celeriac/core'
import { failed, succeeded } from '@celeriac/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EngineHarness, planOf } from './engine-harness.ts'

let harness: EngineHarness

beforeEach(async () => {
  harness = await EngineHarness.create()
})
afterEach(() => harness.close())

const idle = {
  openRuns: 0,
  backlog: 0,
  oldestEventAt: null,
  waitingSince: null,
  databaseAwaySince: null,
  leases: 0,
  setAside: 0,
  unpublished: 0,
}

test('an event is owed until the database has what came of it', async () => {
  let isAway = true
  const store = new Proxy(harness.store, {
    get(target, name) {
      if (name === 'commitBatch' && isAway)
        return () => Promise.reject(new AppError('STORE_UNAVAILABLE', 'the database is away'))
      const value = target[name as keyof Store] as unknown
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  const { engine } = await harness.startEngine('s1', store)
  await harness.startWorker(succeeded)
  const before = Date.now()
  const runId = await harness.submit(planOf({ a: [] }))
  await expect.poll(() => engine.load.oldestEventAt, { timeout: 10_000 }).toBeGreaterThanOrEqual(before)
  isAway = false
  await harness.waitFor(runId, 'succeeded')
  await expect.poll(() => engine.load, { timeout: 10_000 }).toEqual(idle)
})

test('ready tasks are in the outbox until the broker confirms them', async () => {
  const { engine, broker } = await harness.startEngine('s1')
  const publish = broker.publish.bind(broker)
  let isRefusing = true
  const refusing: typeof publish = (messages) =>
    isRefusing ? Promise.resolve(messages.map(() => 'rejected')) : publish(messages)
  await expect.poll(() => engine.partitions.length, { timeout: 10_000 }).toBe(8)
  Object.defineProperty(broker, 'publish', { value: refusing })
  const runId = await harness.submit(planOf({ a: [], b: [], c: ['a'] }))
  await expect.poll(() => engine.load.unpublished, { timeout: 10_000 }).toBe(2)
  isRefusing = false
  await harness.startWorker(succeeded)
  await harness.waitFor(runId, 'succeeded')
  await expect.poll(() => engine.load, { timeout: 10_000 }).toEqual(idle)
})

test('a task that will never be sent is not owed', async () => {
  const { engine } = await harness.startEngine('s1')
  const runId = await harness.submit(planOf({ a: [] }, () => ({ executor: 'nowhere' })))
  await harness.waitFor(runId, 'failed')
  await expect.poll(() => engine.load, { timeout: 10_000 }).toEqual(idle)
})

test('an attempt that is tried again is sent, and owed, again', async () => {
  const { engine } = await harness.startEngine('s1')
  await harness.startWorker(({ attempt }) => (attempt === 1 ? failed() : succeeded()))
  const retry = { max: 1, backoffMs: 10, backoffMaxMs: 10, jitter: false }
  const runId = await harness.submit(planOf({ a: [] }, () => ({ retry })))
  await harness.waitFor(runId, 'succeeded')
  await expect.poll(() => engine.load, { timeout: 10_000 }).toEqual(idle)
})
