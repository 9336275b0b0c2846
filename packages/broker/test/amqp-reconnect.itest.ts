import { expect, test } from 'vitest'
import type { Broker, BrokerState, Delivery, OutgoingMessage } from '@celeriac/core'
import { message, text, useAmqpBench } from './amqp-fixture.ts'

const use = useAmqpBench()
const patient = { timeout: 20_000, interval: 10 }

/** Publishes until the broker has taken everything: what every caller does with `unknown`. */
async function publishSurely(broker: Broker, messages: readonly OutgoingMessage[]): Promise<void> {
  let left = messages
  while (left.length > 0) {
    const outcomes = await broker.publish(left)
    left = left.filter((_, index) => outcomes[index] !== 'confirmed')
    if (left.length > 0) await broker.opened()
  }
}

test('nothing is lost and no consumer falls silent when the connection is cut 20 times', async () => {
  const { rabbit, proxy, connect } = use()
  const queue = rabbit.topology.executorQueue('local')
  const broker = await connect()
  const received = new Set<string>()
  const states: string[] = []
  await broker.consume({
    queue,
    prefetch: 20,
    onState: (state) => states.push(state),
    onDelivery: (delivery) => {
      received.add(text(delivery))
      // Acks of every kind: at once, later, and on a connection that is gone.
      if (received.size % 3 === 0) setTimeout(() => delivery.ack(), 2)
      else delivery.ack()
    },
  })
  let published = 0
  let isDone = false
  const publishing = (async () => {
    while (!isDone) {
      const batch = Array.from({ length: 25 }, (_, index) => message(queue, `m${published + index}`))
      await publishSurely(broker, batch)
      published += batch.length
    }
  })()
  for (let cut = 0; cut < 20; cut++) {
    await expect.poll(() => states.filter((state) => state === 'active').length, patient).toBe(cut + 1)
    const before = received.size
    await expect.poll(() => received.size, patient).toBeGreaterThan(before + 10)
    proxy.cut()
  }
  isDone = true
  await publishing
  await expect.poll(() => received.size, patient).toBe(published)
  await publishSurely(broker, [message(queue, 'last')])
  await expect.poll(() => received.has('last'), patient).toBe(true)
  expect(states.filter((state) => state === 'lost')).toHaveLength(20)
  expect(states.at(-1)).toBe('active')
  const settled = async () => (await broker.depths([queue]))[0]?.messages
  await expect.poll(settled, patient).toBe(0)
  await broker.stop()
  const after = await use().connect()
  expect(await after.depths([queue])).toMatchObject([{ messages: 0 }])
})

test('leaves no listeners or handles behind over 100 reconnects', async () => {
  const { rabbit, proxy, connect } = use()
  const warnings: Error[] = []
  const onWarning = (warning: Error): number => warnings.push(warning)
  process.on('warning', onWarning)
  const baseline = process.getActiveResourcesInfo().filter((name) => name !== 'Immediate').length
  const broker = await connect()
  const queue = rabbit.topology.celeryQueue
  let received = 0
  await broker.consume({ queue, prefetch: 5, onDelivery: (delivery) => (received++, delivery.ack()) })
  for (let round = 1; round <= 100; round++) {
    await publishSurely(broker, [message(queue, `m${round}`)])
    const accepted = proxy.accepted
    proxy.cut()
    await expect.poll(() => proxy.accepted, patient).toBeGreaterThan(accepted)
    await broker.opened()
  }
  await expect.poll(() => received, patient).toBeGreaterThanOrEqual(100)
  expect(proxy.connections).toBe(1)
  await broker.stop()
  const handles = () => process.getActiveResourcesInfo().filter((name) => name !== 'Immediate').length
  await expect.poll(handles, patient).toBeLessThanOrEqual(baseline + 1)
  process.off('warning', onWarning)
  expect(warnings).toEqual([])
})

test('work in flight finishes: its result is published on the new connection, its stale ack does nothing', async () => {
  const { rabbit, proxy, connect } = use()
  const { topology } = rabbit
  const queue = topology.executorQueue('local')
  const broker = await connect()
  const deliveries: Delivery[] = []
  await broker.consume({ queue, prefetch: 1, onDelivery: (delivery) => deliveries.push(delivery) })
  await broker.publish([message(queue, 'task'), message(queue, 'next')])
  await expect.poll(() => deliveries.length, patient).toBe(1)
  proxy.cut()
  await expect.poll(() => deliveries.length, patient).toBe(2)
  expect(deliveries.map((delivery) => [text(delivery), delivery.redelivered])).toEqual([
    ['task', false],
    ['task', true],
  ])
  expect(await broker.publish([message(topology.eventQueue(0), 'result')])).toEqual(['confirmed'])
  deliveries[0]!.ack()
  deliveries[0]!.reject()
  deliveries[1]!.ack()
  await expect.poll(() => deliveries.length, patient).toBe(3)
  expect(text(deliveries[2]!)).toBe('next')
})

test('what is published, consumed or declared while there is no connection waits for the next one', async () => {
  const { rabbit, proxy, connect } = use()
  const { topology } = rabbit
  const broker = await connect()
  const states: BrokerState[] = []
  broker.onState((state) => states.push(state))
  proxy.refuse()
  proxy.cut()
  await expect.poll(() => broker.state, patient).toBe('connecting')
  const name = `${topology.prefix}late`
  const declared = broker.declarePrivateQueue({
    name,
    bindings: [{ exchange: topology.liveExchange, routingKey: '' }],
  })
  const received: string[] = []
  const consumed = broker.consume({
    queue: name,
    prefetch: 0,
    noAck: true,
    onDelivery: (d) => received.push(text(d)),
  })
  const published = broker.publish([message(topology.celeryQueue, 'a')])
  await expect(broker.depths([topology.celeryQueue])).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
  proxy.admit()
  await Promise.all([declared, consumed])
  expect(await published).toEqual(['confirmed'])
  await broker.publish([message('', 'hello', { exchange: topology.liveExchange })])
  await expect.poll(() => received, patient).toEqual(['hello'])
  expect(states).toEqual(['connecting', 'open'])
})

test('a publish that gets no answer in time is unknown', async () => {
  const { rabbit, proxy, connect } = use()
  const broker = await connect({ publishTimeoutMs: 50, stopGraceMs: 50 })
  const messages = [message(rabbit.topology.celeryQueue, 'a'), message('no-such-queue', 'b')]
  proxy.pause()
  expect(await broker.publish(messages)).toEqual(['unknown', 'unknown'])
  proxy.resume()
  await expect.poll(() => broker.publish(messages), patient).toEqual(['confirmed', 'unroutable'])
})

test('a silent peer is noticed by its missing heartbeat', async () => {
  const { rabbit, proxy, connect } = use()
  const broker = await connect({ heartbeatS: 1, stopGraceMs: 50 })
  proxy.pause()
  await expect.poll(() => broker.state, patient).toBe('connecting')
  proxy.cut()
  proxy.resume()
  await broker.opened()
  expect(await broker.publish([message(rabbit.topology.celeryQueue, 'a')])).toEqual(['confirmed'])
})

test('private queues come back under their names, with their consumers', async () => {
  const { rabbit, proxy, connect } = use()
  const { topology } = rabbit
  const broker = await connect()
  const name = `${topology.prefix}private`
  const states: string[] = []
  const received: string[] = []
  await broker.declarePrivateQueue({
    name,
    bindings: [{ exchange: topology.eventExchange, routingKey: 'worker.#' }],
  })
  await broker.consume({
    queue: name,
    prefetch: 0,
    noAck: true,
    onState: (state) => states.push(state),
    onDelivery: (delivery) => received.push(text(delivery)),
  })
  proxy.cut()
  await expect.poll(() => states, patient).toEqual(['active', 'lost', 'active'])
  await broker.publish([message('worker.online', 'again', { exchange: topology.eventExchange })])
  await expect.poll(() => received, patient).toEqual(['again'])
})

test('a private queue that the broker still gives to the lost connection comes back when it lets go', async () => {
  const { rabbit, proxy, connect } = use()
  const broker = await connect()
  const name = `${rabbit.topology.prefix}locked`
  const states: string[] = []
  const received: string[] = []
  await broker.declarePrivateQueue({ name, bindings: [] })
  await broker.consume({
    queue: name,
    prefetch: 0,
    noAck: true,
    onState: (state) => states.push(state),
    onDelivery: (delivery) => received.push(text(delivery)),
  })
  proxy.cutClients()
  await expect.poll(() => states, patient).toEqual(['active', 'lost'])
  await broker.opened()
  expect(await broker.publish([message(rabbit.topology.celeryQueue, 'others go on')])).toEqual(['confirmed'])
  expect(states).toEqual(['active', 'lost'])
  proxy.cutOrphans()
  await expect.poll(() => states, patient).toEqual(['active', 'lost', 'active'])
  await broker.publish([message(name, 'here')])
  await expect.poll(() => received, patient).toEqual(['here'])
})

test('a connection that the broker blocks is blocked, and sends again when it is unblocked', async () => {
  const { rabbit, proxy, connect } = use()
  const broker = await connect()
  const states: BrokerState[] = []
  broker.onState((state) => states.push(state))
  // Frames of channel 0: connection.blocked with the reason 'low', and connection.unblocked.
  proxy.sendToClients(Uint8Array.of(1, 0, 0, 0, 0, 0, 8, 0, 10, 0, 60, 3, 108, 111, 119, 0xce))
  await expect.poll(() => broker.state, patient).toBe('blocked')
  let isPublished = false
  const published = broker.publish([message(rabbit.topology.celeryQueue, 'a')]).then((outcomes) => {
    isPublished = true
    return outcomes
  })
  await broker.depths([rabbit.topology.celeryQueue])
  expect(isPublished).toBe(false)
  proxy.sendToClients(Uint8Array.of(1, 0, 0, 0, 0, 0, 4, 0, 10, 0, 61, 0xce))
  expect(await published).toEqual(['confirmed'])
  expect(states).toEqual(['blocked', 'open'])
})
