import { decodeWorkerEvent, type WorkerEvent } from '@celeriac/contracts'
import type { BrokerState } from '@celeriac/core'
import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { anAttempt, setup, withPublish } from './setup.ts'

test('a worker says that it is online, how it is every second, and that it goes', async () => {
  const clock = new FakeClock()
  const { client, topology, startWorker, send, executor, queue } = await setup({ clock })
  const events: WorkerEvent[] = []
  await client.declarePrivateQueue({
    name: 'monitor',
    bindings: [{ exchange: topology.eventExchange, routingKey: 'worker.#' }],
  })
  await client.consume({
    queue: 'monitor',
    prefetch: 0,
    noAck: true,
    onDelivery: (delivery) => events.push(decodeWorkerEvent(delivery)),
  })
  const worker = await startWorker({ version: '1.2.3' })
  await expect.poll(() => events.map(({ type }) => type)).toEqual(['worker-online'])
  const attempt = anAttempt()
  await send(attempt)
  await expect.poll(() => executor.runs).toHaveLength(1)
  clock.advance(1_000)
  await expect.poll(() => events).toHaveLength(2)
  expect(events[1]).toMatchObject({
    type: 'worker-heartbeat',
    hostname: 'w1@test',
    freq: 1,
    active: 1,
    processed: 0,
    queues: [queue],
    concurrency: 2,
    slots: { local: { busy: 1, free: 1 } },
    sw_ident: 'celeriac',
    sw_ver: '1.2.3',
    timestamp: clock.now() / 1_000,
  })
  const stopped = worker.stop()
  clock.advance(1_000)
  // It takes nothing more, though one attempt still runs.
  await expect.poll(() => events.at(-1)).toMatchObject({ slots: { local: { busy: 1, free: 0 } } })
  executor.finish(attempt.attemptId)
  await stopped
  await expect.poll(() => events.at(-1)).toMatchObject({ type: 'worker-offline', active: 0, processed: 1 })
  expect(clock.pending).toBe(0)
})

test('while the broker is away nothing is said, and how the worker is as soon as it is back', async () => {
  const clock = new FakeClock()
  const { client, broker, topology, aWorker } = await setup({ clock })
  const events: WorkerEvent[] = []
  await client.declarePrivateQueue({
    name: 'monitor',
    bindings: [{ exchange: topology.eventExchange, routingKey: 'worker.#' }],
  })
  await client.consume({
    queue: 'monitor',
    prefetch: 0,
    noAck: true,
    onDelivery: (delivery) => events.push(decodeWorkerEvent(delivery)),
  })
  let state: BrokerState = 'open'
  const listeners = new Set<(state: BrokerState) => void>()
  const changing = {
    ...withPublish(broker, (messages) => broker.publish(messages)),
    get state() {
      return state
    },
    onState: (listener: (state: BrokerState) => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const becomes = async (next: BrokerState): Promise<void> => {
    state = next
    for (const listener of listeners) listener(next)
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
  }
  await aWorker({ broker: changing }).start()
  await expect.poll(() => events).toHaveLength(1)
  await becomes('connecting')
  clock.advance(5_000)
  await becomes('connecting')
  expect(events).toHaveLength(1)
  await becomes('open')
  expect(events.map(({ type }) => type)).toEqual(['worker-online', 'worker-heartbeat'])
})
