import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { createAmqpBroker, buildTopology } from '@celeriac/broker'
import { isAppError, type Delivery } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { message, text, useAmqpBench } from './amqp-fixture.ts'

const use = useAmqpBench()
const patient = { timeout: 20_000, interval: 10 }

const faultOf = (doomed: Promise<unknown>): Promise<unknown> =>
  doomed.then(
    () => null,
    (error: unknown) => error,
  )

test('start fails when nothing listens, naming host and port but not the password', async () => {
  const { create } = use()
  const fault = await faultOf(
    create({ url: 'amqp://someone:s3cret@127.0.0.1:1/some%20where', connectTimeoutMs: 100 }).start(),
  )
  expect(fault).toMatchObject({
    code: 'BROKER_UNAVAILABLE',
    details: { host: '127.0.0.1', port: 1, virtual_host: 'some where' },
  })
  expect(inspect(fault, { depth: 10 })).not.toContain('s3cret')
})

test('start fails within its timeout when the broker accepts but never answers', async () => {
  const { proxy, create } = use()
  proxy.pause()
  const broker = create({ connectTimeoutMs: 200 })
  expect(await faultOf(broker.start())).toMatchObject({
    code: 'BROKER_UNAVAILABLE',
    details: { host: '127.0.0.1', port: proxy.port },
  })
  expect(broker.state).toBe('closed')
})

test('start keeps trying until the broker is there', async () => {
  const { proxy, create } = use()
  proxy.refuse()
  const broker = create()
  const starting = broker.start()
  expect(broker.state).toBe('connecting')
  proxy.admit()
  await starting
  expect(broker.state).toBe('open')
})

test.each([
  ['a wrong password', (url: URL) => void (url.password = 'wr0ng')],
  ['an unknown virtual host', (url: URL) => void (url.pathname = '/no-such-host')],
])('start fails at once with %s', async (_, spoil) => {
  const { rabbit, create } = use()
  const url = new URL(rabbit.url)
  spoil(url)
  const fault = await faultOf(create({ url: url.href, connectTimeoutMs: 1_000_000 }).start())
  expect(fault).toMatchObject({ code: 'BROKER_UNAVAILABLE' })
  expect(inspect(fault, { depth: 10 })).not.toContain('wr0ng')
})

test('start fails at once when a queue exists with other arguments, and names it', async () => {
  const { rabbit, create } = use()
  const topology = buildTopology({ prefix: `${rabbit.topology.prefix}other.` })
  const channel = await rabbit.connection.createChannel()
  const queue = topology.executorQueue('local')
  await channel.assertQueue(queue, { durable: true })
  const fault = await faultOf(create({ topology, connectTimeoutMs: 1_000_000 }).start())
  expect(fault).toMatchObject({ code: 'BROKER_UNAVAILABLE', details: { queue, reply_code: 406 } })
  expect(isAppError(fault) && fault.message).toContain('other arguments')
  for (const { name } of topology.queues) await channel.deleteQueue(name)
  for (const { name } of topology.exchanges) await channel.deleteExchange(name)
  await channel.close()
})

test('a URL that is not one is refused before anything is tried, without being repeated', () => {
  const make = (url: string) => () =>
    createAmqpBroker({ url, topology: buildTopology(), name: 'x', logger: silentLogger() })
  for (const url of ['not a URL with s3cret', 'https://u:s3cret@host/']) {
    expect(make(url)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    expect(make(url)).not.toThrow(/s3cret/)
  }
})

test('a consumer whose queue is deleted resumes on the queue as declared again', async () => {
  const { rabbit, connect } = use()
  const { topology } = rabbit
  const queue = topology.executorQueue('local')
  const broker = await connect()
  const states: string[] = []
  const received: string[] = []
  await broker.consume({
    queue,
    prefetch: 1,
    onState: (state) => states.push(state),
    onDelivery: (delivery) => {
      received.push(text(delivery))
      if (received.length > 1) delivery.ack()
    },
  })
  await broker.publish([message(queue, 'gone with its queue')])
  await expect.poll(() => received.length, patient).toBe(1)
  const channel = await rabbit.connection.createChannel()
  await channel.deleteQueue(queue)
  await channel.close()
  await expect.poll(() => states, patient).toEqual(['active', 'lost', 'active'])
  expect(await broker.publish([message(queue, 'after')])).toEqual(['confirmed'])
  await expect.poll(() => received, patient).toEqual(['gone with its queue', 'after'])
})

test('a channel that the broker closes is opened again, while the connection and its other channels go on', async () => {
  const { rabbit, proxy, connect } = use()
  const { topology } = rabbit
  const queue = topology.executorQueue('local')
  const broker = await connect()
  const states: string[] = []
  const deliveries: Delivery[] = []
  await broker.consume({
    queue,
    prefetch: 1,
    onState: (state) => states.push(state),
    onDelivery: (delivery) => deliveries.push(delivery),
  })
  const other: string[] = []
  await broker.consume({
    queue: topology.celeryQueue,
    prefetch: 1,
    onState: (state) => other.push(state),
    onDelivery: () => undefined,
  })
  await broker.publish([message(queue, 'in hand')])
  await expect.poll(() => deliveries.length, patient).toBe(1)
  const connections = proxy.accepted
  // basic.ack of a delivery tag that does not exist, on channel 2: a channel error 406, as after the ack timeout.
  proxy.sendToServer(Uint8Array.of(1, 0, 2, 0, 0, 0, 13, 0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0xce))
  await expect.poll(() => states, patient).toEqual(['active', 'lost', 'active'])
  await expect.poll(() => deliveries.length, patient).toBe(2)
  deliveries[0]!.ack()
  deliveries[1]!.ack()
  expect(await broker.publish([message(queue, 'next')])).toEqual(['confirmed'])
  await expect.poll(() => deliveries.map(text), patient).toEqual(['in hand', 'in hand', 'next'])
  expect(proxy.accepted).toBe(connections)
  expect(other).toEqual(['active'])
})

test('a listener that throws does no harm', async () => {
  const { rabbit, proxy, connect } = use()
  const broker = await connect()
  const calls: string[] = []
  broker.onState((state) => {
    calls.push(state)
    throw new Error('a defect of the listener')
  })
  await broker.consume({
    queue: rabbit.topology.celeryQueue,
    prefetch: 1,
    onDelivery: () => undefined,
    onState: (state) => {
      calls.push(state)
      throw new Error('a defect of the consumer')
    },
  })
  proxy.cut()
  await expect.poll(() => calls, patient).toEqual(['active', 'lost', 'connecting', 'open', 'active'])
})

test('a queue that was deleted without a consumer is declared again when a message for it comes back', async () => {
  const { rabbit, connect } = use()
  const queue = rabbit.topology.eventQueue(5)
  const broker = await connect()
  const channel = await rabbit.connection.createChannel()
  await channel.deleteQueue(queue)
  await channel.close()
  expect(await broker.publish([message(queue, 'lost')])).toEqual(['unroutable'])
  await expect.poll(() => broker.publish([message(queue, 'found')]), patient).toEqual(['confirmed'])
})

test('an exchange of the topology that was deleted is declared again, and publishing goes on', async () => {
  const { rabbit, connect } = use()
  const { liveExchange } = rabbit.topology
  const broker = await connect()
  const channel = await rabbit.connection.createChannel()
  await channel.deleteExchange(liveExchange)
  await channel.close()
  const live = message('', 'change', { exchange: liveExchange, mandatory: false })
  expect(await broker.publish([live])).toEqual(['unroutable'])
  await expect.poll(() => broker.publish([live]), patient).toEqual(['confirmed'])
})

test('the topology is declared again on reconnect', async () => {
  const { rabbit, proxy, connect } = use()
  const queue = rabbit.topology.undelivered
  const broker = await connect()
  proxy.refuse()
  proxy.cut()
  await expect.poll(() => broker.state, patient).toBe('connecting')
  const channel = await rabbit.connection.createChannel()
  await channel.deleteQueue(queue)
  await channel.close()
  proxy.admit()
  await broker.opened()
  expect(await broker.depths([queue])).toEqual([{ queue, messages: 0, consumers: 0 }])
})

test('stop waits for the confirms of what was just published', async () => {
  const { rabbit, connect } = use()
  const broker = await connect()
  const queue = rabbit.topology.executorQueue('local')
  const publishing = broker.publish(Array.from({ length: 200 }, (_, index) => message(queue, `m${index}`)))
  await broker.stop()
  expect(new Set(await publishing)).toEqual(new Set(['confirmed']))
  expect(broker.state).toBe('closed')
})

test('stop waits for the ack that a handler gives after its publish', async () => {
  const { rabbit, connect } = use()
  const { topology } = rabbit
  const queue = topology.executorQueue('local')
  const broker = await connect()
  let isTaken = false
  await broker.consume({
    queue,
    prefetch: 1,
    onDelivery: (delivery) => {
      isTaken = true
      void broker.publish([message(topology.eventQueue(0), 'result')]).then(() => delivery.ack())
    },
  })
  await broker.publish([message(queue, 'task')])
  await expect.poll(() => isTaken, patient).toBe(true)
  await broker.stop()
  const after = await connect()
  await expect
    .poll(() => after.depths([queue, topology.eventQueue(0)]), patient)
    .toMatchObject([{ messages: 0 }, { messages: 1 }])
})

test('stop ends within its grace when the broker does not answer; what is in flight is unknown', async () => {
  const { rabbit, proxy, connect } = use()
  const broker = await connect({ stopGraceMs: 100 })
  await broker.consume({ queue: rabbit.topology.celeryQueue, prefetch: 1, onDelivery: () => undefined })
  proxy.pause()
  const publishing = broker.publish([message(rabbit.topology.celeryQueue, 'a')])
  const consuming = broker.consume({
    queue: rabbit.topology.celeryQueue,
    prefetch: 1,
    onDelivery: () => undefined,
  })
  const refusal = faultOf(consuming)
  await broker.stop()
  expect(await refusal).toMatchObject({ code: 'BROKER_UNAVAILABLE' })
  expect(await publishing).toEqual(['unknown'])
  proxy.resume()
  await expect.poll(() => proxy.connections, patient).toBe(0)
})

test('stop ends an attempt to connect', async () => {
  const { proxy, create } = use()
  proxy.pause()
  const broker = create({ connectTimeoutMs: 1_000_000 })
  const starting = faultOf(broker.start())
  await expect.poll(() => proxy.accepted, patient).toBeGreaterThan(0)
  await broker.stop()
  expect(await starting).toMatchObject({ code: 'BROKER_UNAVAILABLE' })
})

test('a message that cannot be encoded is rejected and harms no other', async () => {
  const { rabbit, connect } = use()
  const broker = await connect()
  const queue = rabbit.topology.celeryQueue
  const outcomes = await broker.publish([
    message(queue, 'a'),
    message(queue, 'b', { headers: { huge: 'x'.repeat(100_000) } }),
    message(queue, 'c', { correlationId: 'x'.repeat(300) }),
    message(queue, 'd'),
  ])
  expect(outcomes).toEqual(['confirmed', 'rejected', 'rejected', 'confirmed'])
})

test('publishing far more than fits into the buffers keeps order and loses nothing', async () => {
  const { rabbit, connect } = use()
  const broker = await connect({ publishTimeoutMs: 60_000 })
  const queue = rabbit.topology.celeryQueue
  const filler = 'x'.repeat(3_000)
  const messages = Array.from({ length: 10_000 }, (_, index) => message(queue, `${index} ${filler}`))
  const received: number[] = []
  await broker.consume({
    queue,
    prefetch: 500,
    onDelivery: (delivery) => {
      received.push(Number.parseInt(text(delivery)))
      delivery.ack()
    },
  })
  expect(new Set(await broker.publish(messages))).toEqual(new Set(['confirmed']))
  await expect.poll(() => received.length, patient).toBe(10_000)
  expect(received.every((number, index) => number === index)).toBe(true)
})
