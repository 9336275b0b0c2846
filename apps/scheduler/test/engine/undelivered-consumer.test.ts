import { buildTopology, createMemoryBroker, createMemoryServer } from '@celeriac/broker'
import {
  encodeEngineMessage,
  encodeOutcome,
  encodeTaskMessage,
  operatorTaskMessage,
  operatorTaskName,
} from '@celeriac/contracts'
import { maxMessageBytes, partitionOf, type Broker, type Delivery } from '@celeriac/core'
import { createLogger, silentLogger, systemClock } from '@celeriac/runtime'
import { FakeClock, succeeded } from '@celeriac/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { returnedMessage } from '../../src/engine/returned-message.ts'
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

test('the log names the attempt that was given up on', async () => {
  const topology = buildTopology()
  const broker = createMemoryBroker({ server: createMemoryServer({ topology, clock: systemClock }) })
  await broker.start()
  onTestFinished(() => broker.stop())
  const records: Record<string, unknown>[] = []
  const write = (line: string): void => void records.push(JSON.parse(line) as Record<string, unknown>)
  const logger = createLogger({ service: 'scheduler', level: 'info', destination: { write } })
  const consumer = new UndeliveredConsumer({ broker, topology, clock: systemClock, logger, name: 's1' })
  await consumer.start()
  const attempt = {
    attemptId: 'a1',
    runId: 'run-7',
    operatorId: 'fit',
    attempt: 3,
    algoName: 'algo_local_pass_through',
    params: {},
    inputs: {},
    outputPrefix: 'file:///out',
    artifactRoot: 'file:///',
    datasets: {},
    softTimeLimitS: null,
    timeLimitS: null,
  }
  const options = { replyTo: topology.eventQueue(0), origin: 's1' }
  await broker.publish([encodeTaskMessage(operatorTaskMessage(attempt, options), topology.undelivered)])
  await expect
    .poll(() => records)
    .toMatchObject([{ run_id: 'run-7', operator_id: 'fit', attempt: 3, task_id: 'a1' }])
})

/** A scheduler's consumer, and whoever else is connected; the clock is that of its pauses. */
async function setup(topology = buildTopology()) {
  const broker = createMemoryBroker({ server: createMemoryServer({ topology, clock: systemClock }) })
  await broker.start()
  onTestFinished(() => broker.stop())
  const clock = new FakeClock()
  const consumer = new UndeliveredConsumer({ broker, topology, clock, logger: silentLogger(), name: 's1' })
  await consumer.start()
  return { broker, topology, clock, consumer }
}

async function collect(broker: Broker, queue: string): Promise<Delivery[]> {
  const deliveries: Delivery[] = []
  const onDelivery = (delivery: Delivery): void => void deliveries.push(delivery)
  await broker.consume({ queue, prefetch: 0, noAck: true, onDelivery })
  return deliveries
}

const resultFor = (queue: string) =>
  encodeOutcome('a1', queue, { worker: 'w1', startedAt: 1_700_000_000_000 }, succeeded())

/** As the broker leaves a message of this queue that was given up on, and returned so often. */
const givenUpOn = (queue: string, returns: number) => ({
  'x-death': [{ count: 1, reason: 'delivery_limit', queue, exchange: '', 'routing-keys': [queue], time: 1 }],
  'x-first-death-queue': queue,
  'x-celeriac-returns': returns,
})

test('a result that the broker gave up on goes back to the queue it was in, as it was', async () => {
  const { queues, ...names } = buildTopology()
  const queue = names.eventQueue(3)
  const limited = queues.map((spec) => (spec.name === queue ? { ...spec, deliveryLimit: 2 } : spec))
  const { broker } = await setup({ ...names, queues: limited })
  const deliveries: Delivery[] = []
  await broker.consume({
    queue,
    prefetch: 1,
    onDelivery: (delivery) => {
      deliveries.push(delivery)
      if (deliveries.length <= 3) delivery.requeue()
      else delivery.ack()
    },
  })
  const result = resultFor(queue)
  await broker.publish([result])
  await expect.poll(() => deliveries.map(({ deliveryCount }) => deliveryCount)).toEqual([0, 1, 2, 0])
  const { body, correlationId, contentType, contentEncoding, headers, persistent } = deliveries[3]!
  expect(Buffer.from(body)).toEqual(Buffer.from(result.body))
  expect({ correlationId, contentType, contentEncoding, persistent }).toEqual({
    correlationId: 'a1',
    contentType: result.contentType,
    contentEncoding: result.contentEncoding,
    persistent: true,
  })
  // A history of its deaths would make RabbitMQ drop it the next time, as one that goes round.
  expect(headers).toEqual({ ...result.headers, 'x-celeriac-returns': 1 })
})

test('what is given up on again and again is returned after longer and longer pauses', async () => {
  const { broker, topology, clock } = await setup()
  const queue = topology.eventQueue(3)
  const returned = await collect(broker, queue)
  const pauses = [
    [1, 1_000],
    [2, 2_000],
    [4, 8_000],
    [5, 10_000],
    [5_000, 10_000],
  ] as const
  for (const [index, [returns, pauseMs]] of pauses.entries()) {
    const message = { ...resultFor(topology.undelivered), headers: givenUpOn(queue, returns) }
    await broker.publish([message])
    await expect.poll(() => clock.pending).toBe(1)
    clock.advance(pauseMs - 1)
    expect(clock.pending).toBe(1)
    clock.advance(1)
    await expect.poll(() => returned.length).toBe(index + 1)
    expect(returned[index]!.headers).toEqual({ 'x-celeriac-returns': returns + 1 })
  }
})

test('after a stop nothing is waited for: what waited goes to the next scheduler, which returns it at once', async () => {
  const topology = buildTopology()
  const server = createMemoryServer({ topology, clock: systemClock })
  const schedulers = await Promise.all(
    ['s1', 's2'].map(async (name) => {
      const broker = createMemoryBroker({ server })
      await broker.start()
      onTestFinished(() => broker.stop())
      const clock = new FakeClock()
      const consumer = new UndeliveredConsumer({ broker, topology, clock, logger: silentLogger(), name })
      return { broker, clock, consumer }
    }),
  )
  const [first, second] = schedulers as [(typeof schedulers)[0], (typeof schedulers)[0]]
  const queue = topology.eventQueue(3)
  const returned = await collect(second.broker, queue)
  await first.consumer.start()
  await second.broker.publish([{ ...resultFor(topology.undelivered), headers: givenUpOn(queue, 7) }])
  await expect.poll(() => first.clock.pending).toBe(1)
  await first.consumer.stop()
  expect(first.clock.pending).toBe(0)
  await first.broker.stop()
  await second.consumer.start()
  await expect.poll(() => returned.length).toBe(1)
  expect(second.clock.pending).toBe(0)
})

test('where a message died last counts, not what is said of it before', async () => {
  const { broker, topology } = await setup()
  const answers = await collect(broker, topology.eventQueue(3))
  const task = encodeTaskMessage(
    {
      id: 'a1',
      task: operatorTaskName,
      args: [],
      kwargs: {},
      rootId: 'a1',
      parentId: null,
      replyTo: topology.eventQueue(3),
      retries: 0,
      timelimit: [null, null],
      eta: null,
      expires: null,
      origin: '',
    },
    topology.undelivered,
  )
  const before = givenUpOn(topology.eventQueue(5), 0)['x-death']
  const deaths = [{ ...before[0]!, queue: topology.executorQueue('local') }, ...before]
  await broker.publish([
    {
      ...task,
      headers: { ...task.headers, 'x-death': deaths, 'x-first-death-queue': topology.eventQueue(5) },
    },
  ])
  await expect.poll(() => answers.length).toBe(1)
  expect(JSON.parse(Buffer.from(answers[0]!.body).toString())).toMatchObject({
    task_id: 'a1',
    status: 'FAILURE',
    result: { code: 'TASK_WORKER_LOST' },
  })
})

test.each([
  ['of no queue', undefined],
  ['of a history that is none', 'celeriac.events.3'],
  ['of nothing', []],
  ['of a hole', [null]],
  ['of text', ['celeriac.events.3']],
  ['of a queue without a name', [{ queue: 3 }]],
  ['of a queue that is not ours', [{ queue: 'celeriac.events.8' }]],
])('what comes %s and is no task is parked', async (_, deaths) => {
  const { broker, topology } = await setup()
  const headers = deaths === undefined ? {} : { 'x-death': deaths }
  await broker.publish([{ ...resultFor(topology.undelivered), headers }])
  await expect
    .poll(async () => broker.depths([topology.undelivered, topology.deadLetter]))
    .toMatchObject([{ messages: 0 }, { messages: 1 }])
})

test('what is too large to be published again comes back cut off, which ends its attempt as unreadable', () => {
  const queue = buildTopology().eventQueue(3)
  const body = Buffer.alloc(maxMessageBytes + 1, '9')
  const delivery = { ...resultFor(queue), body, headers: givenUpOn(queue, 0) } as unknown as Delivery
  expect(returnedMessage(delivery, queue).body.byteLength).toBe(maxMessageBytes)
})
