import { buildTopology, createMemoryBroker, createMemoryServer } from '@celeriac/broker'
import { encodeEngineMessage, encodeTaskMessage, operatorTaskName } from '@celeriac/contracts'
import { partitionOf } from '@celeriac/core'
import { silentLogger, systemClock } from '@celeriac/runtime'
import { expect, onTestFinished, test } from 'vitest'
import { UndeliveredConsumer } from '../../src/engine/undelivered-consumer.ts'

test('a failure that cannot be reported yet is reported later, without a further delivery', async () => {
  const topology = buildTopology()
  const broker = createMemoryBroker({ server: createMemoryServer({ topology, clock: systemClock }) })
  await broker.start()
  onTestFinished(() => broker.stop())
  const publish = broker.publish.bind(broker)
  const counts: unknown[] = []
  await broker.consume({
    queue: topology.eventQueue(0),
    prefetch: 0,
    noAck: true,
    onDelivery: ({ body }) => {
      const { result } = JSON.parse(Buffer.from(body).toString()) as {
        result: { code: string; details: unknown }
      }
      counts.push([result.code, result.details])
    },
  })
  await publish([
    encodeTaskMessage(
      {
        id: 'x',
        task: operatorTaskName,
        args: [],
        kwargs: {},
        rootId: 'x',
        parentId: null,
        replyTo: topology.eventQueue(0),
        retries: 0,
        timelimit: [null, null],
        eta: null,
        expires: null,
        origin: '',
      },
      topology.undelivered,
    ),
  ])
  let refusals = 0
  broker.publish = (messages) => (refusals++ < 2 ? Promise.resolve(['rejected']) : publish(messages))
  const consumer = new UndeliveredConsumer({
    broker,
    topology,
    clock: systemClock,
    logger: silentLogger(),
    name: 's1',
  })
  await consumer.start()
  await expect.poll(() => counts, { timeout: 5_000 }).toEqual([['TASK_WORKER_LOST', { deliveries: 0 }]])
})

test('an event that the broker gave up on goes back to its partition, an expired probe is done with', async () => {
  const topology = buildTopology()
  const broker = createMemoryBroker({ server: createMemoryServer({ topology, clock: systemClock }) })
  await broker.start()
  onTestFinished(() => broker.stop())
  const runId = '0193a1b2-0000-7000-8000-000000000001'
  const queue = topology.eventQueue(partitionOf(runId))
  const events: unknown[] = []
  await broker.consume({
    queue,
    prefetch: 0,
    noAck: true,
    onDelivery: ({ body }) => events.push(JSON.parse(Buffer.from(body).toString())),
  })
  await broker.publish([
    encodeEngineMessage({ event: 'partition.probe', partition: 1, sender: 's' }, topology.undelivered),
    encodeEngineMessage({ event: 'run.cancel', run_id: runId }, topology.undelivered),
  ])
  const deps = { broker, topology, clock: systemClock, logger: silentLogger(), name: 's1' }
  await new UndeliveredConsumer(deps).start()
  await expect.poll(() => events).toEqual([{ event: 'run.cancel', run_id: runId }])
  await expect
    .poll(async () => broker.depths([topology.undelivered, topology.deadLetter]))
    .toMatchObject([{ messages: 0 }, { messages: 0 }])
})
