import { decodeWorkerEvent, type WorkerEvent } from '@celeriac/contracts'
import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { anAttempt, setup } from './setup.ts'

test('a worker says that it is online, how it is every two seconds, and that it goes', async () => {
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
  clock.advance(2_000)
  await expect.poll(() => events).toHaveLength(2)
  expect(events[1]).toMatchObject({
    type: 'worker-heartbeat',
    hostname: 'w1@test',
    freq: 2,
    active: 1,
    processed: 0,
    queues: [queue],
    concurrency: 2,
    sw_ident: 'celeriac',
    sw_ver: '1.2.3',
    timestamp: clock.now() / 1_000,
  })
  executor.finish(attempt.attemptId)
  await worker.stop()
  await expect.poll(() => events.at(-1)).toMatchObject({ type: 'worker-offline', active: 0, processed: 1 })
  expect(clock.pending).toBe(0)
})
