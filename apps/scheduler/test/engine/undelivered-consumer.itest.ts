/** What RabbitMQ gives up on: event queues with a small delivery limit, as RabbitMQ 4 gives them one of twenty. */
import { partitionOf } from '@celeriac/core'
import { succeeded } from '@celeriac/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EngineHarness, planOf } from './engine-harness.ts'

const limit = 1
const patient = { timeout: 15_000 }
let harness: EngineHarness

beforeEach(async () => {
  harness = await EngineHarness.create({ broker: 'rabbit', eventDeliveryLimit: limit })
})
afterEach(() => harness.close())

/** Requeues what is in the queue until the broker gives it up, `times` messages in all. */
async function useUp(queue: string, times: number): Promise<void> {
  let deliveries = 0
  const consumer = await harness.client.consume({
    queue,
    prefetch: 0,
    onDelivery: (delivery) => {
      deliveries++
      delivery.requeue()
    },
  })
  await expect.poll(() => deliveries, patient).toBe(times * (limit + 1))
  await consumer.cancel()
}

const messagesIn = async (queue: string): Promise<number> => {
  const [depth] = await harness.client.depths([queue])
  return depth!.messages
}

test('a result that the broker gave up on reaches its run, however often that happens', async () => {
  const { topology } = harness
  const first = await harness.startEngine('s1')
  let release = (): void => {}
  const gate = new Promise<void>((resolve) => (release = resolve))
  const { executor } = await harness.startWorker(() => gate.then(succeeded))
  const runId = await harness.submit(planOf({ a: [], b: ['a'] }))
  const queue = topology.eventQueue(partitionOf(runId))
  await expect.poll(async () => (await harness.states(runId))['a'], patient).toBe('running')
  await first.stop()
  release()
  await expect.poll(() => messagesIn(queue), patient).toBe(1)
  await useUp(queue, 1)
  await expect.poll(() => messagesIn(topology.undelivered), patient).toBe(1)

  // A scheduler returns it; another one would have it, but gives it up again.
  const returning = await harness.startUndelivered('s2')
  await expect.poll(() => messagesIn(queue), patient).toBe(1)
  await useUp(queue, 1)
  await returning.stop()

  await harness.startEngine('s3')
  await harness.waitFor(runId, 'succeeded', 30_000)
  expect(executor.attempts.map(({ operatorId }) => operatorId)).toEqual(['a', 'b'])
  await expect.poll(() => messagesIn(topology.undelivered), patient).toBe(0)
  expect(await messagesIn(topology.deadLetter)).toBe(0)
})

test('a cancel that the broker gave up on is carried out', async () => {
  const { topology } = harness
  const first = await harness.startEngine('s1')
  const { executor } = await harness.startWorker(() => new Promise(() => {}))
  const runId = await harness.submit(planOf({ a: [] }))
  const queue = topology.eventQueue(partitionOf(runId))
  await expect.poll(() => executor.attempts.length, patient).toBe(1)
  await expect.poll(async () => (await harness.states(runId))['a'], patient).toBe('running')
  await first.stop()
  await harness.tell({ event: 'run.cancel', run_id: runId })
  await useUp(queue, 1)
  await harness.startEngine('s2')
  await expect.poll(async () => (await harness.store.findRunHead(runId))?.state, patient).not.toBe('running')
  await expect.poll(() => messagesIn(topology.undelivered), patient).toBe(0)
})
