import { expect, onTestFinished, test, vi } from 'vitest'
import { buildTopology, createMemoryBroker, createMemoryServer, parkMalformed } from '@celeriac/broker'
import { AppError, type Broker, type Delivery, type OutgoingMessage } from '@celeriac/core'
import { silentLogger, systemClock } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'

const topology = buildTopology()
const { celeryQueue, undelivered } = topology
const local = topology.executorQueue('local')

const message = (queue: string, body: string, expirationMs?: number): OutgoingMessage => ({
  exchange: '',
  routingKey: queue,
  body: new TextEncoder().encode(body),
  ...(expirationMs === undefined ? {} : { expirationMs }),
})
const text = ({ body }: Delivery): string => new TextDecoder().decode(body)
const macrotask = () => new Promise<void>((resolve) => setImmediate(resolve))

async function setup(clock: FakeClock = new FakeClock()): Promise<{ clock: FakeClock; broker: Broker }> {
  const broker = createMemoryBroker({ topology, clock })
  await broker.start()
  return { clock, broker }
}

async function received(broker: Broker, queue: string): Promise<string[]> {
  const texts: string[] = []
  const consumer = await broker.consume({
    queue,
    prefetch: 0,
    noAck: true,
    onDelivery: (delivery) => texts.push(text(delivery)),
  })
  await macrotask()
  await consumer.cancel()
  return texts
}

test('messages expire on time by the clock, and only at the front of the queue', async () => {
  const { broker, clock } = await setup()
  await broker.publish([message(local, 'slow', 1_000), message(local, 'fast', 10), message(local, 'eternal')])
  await macrotask()
  clock.advance(999)
  await macrotask()
  expect(await broker.depths([local, undelivered])).toMatchObject([{ messages: 3 }, { messages: 0 }])
  clock.advance(2)
  await macrotask()
  expect(await broker.depths([local, undelivered])).toMatchObject([{ messages: 1 }, { messages: 2 }])
  expect(await received(broker, undelivered)).toEqual(['slow', 'fast'])
  await broker.stop()
})

test('a message without time to live reaches a consumer that waits', async () => {
  const { broker } = await setup()
  const texts: string[] = []
  await broker.consume({
    queue: celeryQueue,
    prefetch: 1,
    onDelivery: (delivery) => texts.push(text(delivery)),
  })
  await broker.publish([message(celeryQueue, 'now or never', 0)])
  await macrotask()
  expect(texts).toEqual(['now or never'])
  await broker.stop()
})

test('stop leaves no timer behind, even with messages that would expire', async () => {
  const { broker, clock } = await setup()
  await broker.publish([message(local, 'a', 1_000)])
  await macrotask()
  expect(clock.pending).toBe(1)
  await broker.stop()
  expect(clock.pending).toBe(0)
})

test('messages outlive the brokers of a server, and expire when one comes back', async () => {
  const clock = new FakeClock()
  const server = createMemoryServer({ topology, clock })
  const first = createMemoryBroker({ server })
  await first.start()
  await first.publish([message(local, 'late', 1_000), message(local, 'kept')])
  await first.stop()
  clock.advance(5_000)
  const second = createMemoryBroker({ server })
  await second.start()
  expect(await received(second, local)).toEqual(['kept'])
  expect(await received(second, undelivered)).toEqual(['late'])
  await second.stop()
})

test('a long queue lets other work in between its deliveries', async () => {
  const { broker } = await setup()
  let count = 0
  let countAtTick = 0
  await broker.publish(Array.from({ length: 5_000 }, (_, index) => message(celeryQueue, `m${index}`)))
  await broker.consume({
    queue: celeryQueue,
    prefetch: 0,
    onDelivery: (delivery) => (count++, delivery.ack()),
  })
  setImmediate(() => setImmediate(() => (countAtTick = count)))
  await expect.poll(() => count).toBe(5_000)
  expect(countAtTick).toBeGreaterThan(0)
  expect(countAtTick).toBeLessThan(5_000)
  await broker.stop()
})

test('consumers of a queue get messages in turn, and one that is full is passed over', async () => {
  const { broker } = await setup()
  const got: string[][] = [[], [], []]
  for (const [index, prefetch] of [10, 1, 10].entries())
    await broker.consume({
      queue: celeryQueue,
      prefetch,
      onDelivery: (delivery) => got[index]!.push(text(delivery)),
    })
  await broker.publish(Array.from({ length: 7 }, (_, index) => message(celeryQueue, `m${index}`)))
  await macrotask()
  expect(got).toEqual([['m0', 'm3', 'm5'], ['m1'], ['m2', 'm4', 'm6']])
  await broker.stop()
})

test('a handler may publish, settle, cancel and stop from inside of a delivery', async () => {
  const { broker } = await setup()
  const texts: string[] = []
  const consumer = await broker.consume({
    queue: celeryQueue,
    prefetch: 1,
    onDelivery: (delivery) => {
      texts.push(text(delivery))
      delivery.ack()
      if (texts.length < 3) void broker.publish([message(celeryQueue, `m${texts.length}`)])
      else void consumer.cancel().then(() => broker.stop())
    },
  })
  await broker.publish([message(celeryQueue, 'm0'), message(celeryQueue, 'extra')])
  await expect.poll(() => broker.state).toBe('closed')
  expect(texts).toEqual(['m0', 'extra', 'm1'])
})

test('a malformed message that cannot be parked goes back to its queue', async () => {
  const queues = topology.queues.filter(({ name }) => name !== topology.deadLetter)
  const broker = createMemoryBroker({ topology: { ...topology, queues }, clock: new FakeClock() })
  await broker.start()
  const deliveries: Delivery[] = []
  await broker.consume({ queue: local, prefetch: 1, onDelivery: (delivery) => deliveries.push(delivery) })
  await broker.publish([message(local, '{')])
  await macrotask()
  const error = new AppError('BROKER_MESSAGE_MALFORMED', 'the message body is not JSON')
  expect(await parkMalformed(broker, topology, deliveries[0]!, error)).toBe(false)
  await macrotask()
  expect(deliveries.map(({ redelivered }) => redelivered)).toEqual([false, true])
  // Nor can it now: from here on it comes again after a pause each time.
  vi.useFakeTimers({ toFake: ['setTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  expect(await parkMalformed(broker, topology, deliveries[1]!, error)).toBe(false)
  vi.advanceTimersByTime(4_999)
  await macrotask()
  expect(deliveries).toHaveLength(2)
  vi.advanceTimersByTime(1)
  await macrotask()
  expect(deliveries).toHaveLength(3)
  await broker.stop()
})

test('works with the clock of the machine, and without a logger', async () => {
  for (const options of [{}, { logger: silentLogger() }]) {
    const broker = createMemoryBroker({ topology, clock: systemClock, ...options })
    await broker.start()
    await broker.consume({
      queue: local,
      prefetch: 1,
      onDelivery: () => {
        throw new Error('a defect')
      },
    })
    expect(await broker.publish([message(local, 'a')])).toEqual(['confirmed'])
    await macrotask()
    expect(broker.isDurable).toBe(false)
    await broker.stop()
  }
})
