import { buildTopology, createMemoryBroker, createMemoryServer } from '@celeriac/broker'
import { encodeWorkerEvent, type WorkerEvent } from '@celeriac/contracts'
import { FakeClock } from '@celeriac/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { WorkerRegistry } from '../../src/engine/worker-registry.ts'

async function setup() {
  const clock = new FakeClock()
  const topology = buildTopology()
  const server = createMemoryServer({ topology, clock })
  const broker = createMemoryBroker({ server })
  await broker.start()
  onTestFinished(() => broker.stop())
  const registry = new WorkerRegistry({ broker, topology, clock, name: 's1' })
  await registry.start()
  const tell = async (hostname: string, more: Partial<WorkerEvent> = {}): Promise<void> => {
    const event: WorkerEvent = { type: 'worker-heartbeat', hostname, timestamp: 0, freq: 2, ...more }
    await broker.publish([encodeWorkerEvent(topology.eventExchange, event, clock.now())])
  }
  return { clock, registry, tell }
}

test('a worker is alive while it beats, then lost, and forgotten after ten minutes', async () => {
  const { clock, registry, tell } = await setup()
  await tell('w1')
  await expect.poll(() => registry.counts().alive).toBe(1)
  clock.advance(7_999)
  expect(registry.counts()).toMatchObject({ alive: 1, lost: 0 })
  clock.advance(1)
  expect(registry.counts()).toMatchObject({ alive: 0, lost: 1 })
  expect(registry.live()).toEqual([])
  clock.advance(599_999)
  expect(registry.counts()).toMatchObject({ lost: 1 })
  clock.advance(1)
  expect(registry.counts()).toMatchObject({ alive: 0, lost: 0 })
})

test('a lost worker that beats again is alive', async () => {
  const { clock, registry, tell } = await setup()
  await tell('w1')
  await expect.poll(() => registry.counts().alive).toBe(1)
  clock.advance(60_000)
  expect(registry.counts()).toMatchObject({ alive: 0, lost: 1 })
  await tell('w1')
  await expect.poll(() => registry.counts()).toMatchObject({ alive: 1, lost: 0 })
})

test('a worker that says farewell is not lost', async () => {
  const { clock, registry, tell } = await setup()
  await tell('w1')
  await tell('w2')
  await expect.poll(() => registry.counts().alive).toBe(2)
  await tell('w1', { type: 'worker-offline' })
  await expect.poll(() => registry.counts().alive).toBe(1)
  clock.advance(10_000)
  expect(registry.counts().lost).toBe(1)
})

test('slots are summed by executor over the live workers; one that does not tell has none', async () => {
  const { clock, registry, tell } = await setup()
  await tell('lost', { slots: { local: { busy: 9, free: 9 } } })
  await expect.poll(() => registry.counts().alive).toBe(1)
  clock.advance(10_000)
  await tell('w1', { slots: { local: { busy: 1, free: 3 } } })
  await tell('w2', { slots: { local: { busy: 2, free: 0 }, gpu: { busy: 0, free: 1 } } })
  await tell('celery@host', { active: 5 })
  await expect.poll(() => registry.counts().alive).toBe(3)
  expect(registry.counts().slots).toEqual({ local: { busy: 3, free: 3 }, gpu: { busy: 0, free: 1 } })
})
