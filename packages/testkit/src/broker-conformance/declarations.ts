import { expect, test } from 'vitest'
import {
  delayedDeliveryBinding,
  delayedDeliveryExchange,
  delayedDeliveryTopology,
  delayedRoute,
  undelayedRoutingKey,
  withoutDeaths,
} from '@celeriac/broker'
import type { Broker, Declaration, ExchangeSpec, QueueSpec } from '@celeriac/core'
import {
  bytes,
  collect,
  expectDepth,
  numbered,
  takeAll,
  textOf,
  textsOf,
  toQueue,
  type BrokerTest,
} from './broker-fixture.ts'

const names = ({ queues = [], exchanges = [] }: Declaration) => ({
  queues: queues.map(({ name }) => name),
  exchanges: exchanges.map(({ name }) => name),
})

export function exerciseDeclarations(use: () => BrokerTest): void {
  /** Declares, and deletes the queues when the test is over. */
  const declare = async (broker: Broker, declaration: Declaration): Promise<void> => {
    use().leftBehind(names(declaration))
    await broker.declare(declaration)
  }
  const queueOf = (more: Partial<QueueSpec> = {}): QueueSpec => ({
    name: `${use().topology.prefix}own-${crypto.randomUUID()}`,
    type: 'classic',
    ...more,
  })
  const exchangeOf = (type: ExchangeSpec['type']): ExchangeSpec => ({
    name: `${use().topology.prefix}own-${crypto.randomUUID()}`,
    type,
    isDurable: true,
  })

  test('a declared queue takes messages, outlives its connection, and can be declared again', async () => {
    const broker = await use().connect()
    const queue = queueOf()
    await declare(broker, { queues: [queue] })
    await broker.declare({ queues: [queue] })
    await broker.publish([toQueue(queue.name, 'kept')])
    await broker.stop()
    const other = await use().connect()
    await other.declare({ queues: [queue] })
    expect(textsOf(await takeAll(other, queue.name, 1))).toEqual(['kept'])
  })

  test('a queue or exchange that exists with other arguments is refused by name, and the rest goes on', async () => {
    const broker = await use().connect()
    const queue = queueOf({ maxLength: 10 })
    const exchange = exchangeOf('topic')
    await declare(broker, { queues: [queue], exchanges: [exchange] })
    await expect(broker.declare({ queues: [{ ...queue, maxLength: 11 }] })).rejects.toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      message: expect.stringContaining('other arguments'),
      details: { queue: queue.name },
    })
    await expect(broker.declare({ exchanges: [{ ...exchange, type: 'direct' }] })).rejects.toMatchObject({
      message: expect.stringContaining('other arguments'),
      details: { exchange: exchange.name },
    })
    expect(await broker.publish([toQueue(queue.name, 'a')])).toEqual(['confirmed'])
  })

  test('a binding of what does not exist is refused', async () => {
    const broker = await use().connect()
    const exchange = use().topology.liveExchange
    const refusal = { code: 'BROKER_UNAVAILABLE' }
    await expect(
      broker.declare({ bindings: [{ exchange, routingKey: '', queue: 'no-such-queue' }] }),
    ).rejects.toMatchObject({ ...refusal, details: { queue: 'no-such-queue' } })
    await expect(
      broker.declare({ bindings: [{ exchange, routingKey: '', toExchange: 'no-such-exchange' }] }),
    ).rejects.toMatchObject({ ...refusal, details: { exchange: 'no-such-exchange' } })
  })

  test('exchanges lead to exchanges: each queue gets one copy, by the original key, also through a ring', async () => {
    const broker = await use().connect()
    const [outer, inner] = [exchangeOf('topic'), exchangeOf('topic')]
    const [all, some] = [queueOf(), queueOf()]
    await declare(broker, {
      exchanges: [outer, inner],
      queues: [all, some],
      bindings: [
        { exchange: outer.name, routingKey: 'a.#', toExchange: inner.name },
        { exchange: inner.name, routingKey: '#', toExchange: outer.name },
        { exchange: inner.name, routingKey: '#', queue: all.name },
        { exchange: outer.name, routingKey: 'a.*', queue: all.name },
        { exchange: inner.name, routingKey: '*.b', queue: some.name },
      ],
    })
    const to = (routingKey: string) => ({ exchange: outer.name, routingKey, body: bytes(routingKey) })
    expect(await broker.publish([to('a.b'), to('b'), to('a.c.d')])).toEqual([
      'confirmed',
      'unroutable',
      'confirmed',
    ])
    expect(textsOf(await takeAll(broker, all.name, 2))).toEqual(['a.b', 'a.c.d'])
    const [delivery] = await takeAll(broker, some.name, 1)
    expect(delivery).toMatchObject({ exchange: outer.name, routingKey: 'a.b' })
    await expectDepth(broker, all.name, 0)
  })

  test('a queue with priorities delivers higher ones first, and the oldest first among equals', async () => {
    const broker = await use().connect()
    const queue = queueOf({ maxPriority: 5 })
    await declare(broker, { queues: [queue] })
    const priorities = [0, 5, 1, 200, undefined, 1]
    await broker.publish(
      priorities.map((priority, index) =>
        toQueue(queue.name, `m${index}`, priority === undefined ? {} : { priority }),
      ),
    )
    const deliveries = await takeAll(broker, queue.name, 6)
    expect(textsOf(deliveries)).toEqual(['m1', 'm3', 'm2', 'm5', 'm0', 'm4'])
    expect(deliveries[1]!.priority).toBe(200)
  })

  test('the time to live of a queue ends its messages; they keep their key where the dead-letter exchange names none', async () => {
    const broker = await use().connect()
    const exchange = exchangeOf('direct')
    const due = queueOf()
    const waiting = queueOf({ messageTtlMs: 20, deadLetter: { exchange: exchange.name } })
    await declare(broker, {
      exchanges: [exchange],
      queues: [due, waiting],
      bindings: [{ exchange: exchange.name, routingKey: waiting.name, queue: due.name }],
    })
    await broker.publish([toQueue(waiting.name, 'later')])
    const [delivery] = await takeAll(broker, due.name, 1)
    expect(textOf(delivery!)).toBe('later')
    expect(delivery).toMatchObject({ exchange: exchange.name, routingKey: waiting.name })
  })

  test('a full queue that drops its head keeps the newest', async () => {
    const broker = await use().connect()
    const queue = queueOf({ maxLength: 2, overflow: 'drop-head' })
    await declare(broker, { queues: [queue] })
    const outcomes = await broker.publish(numbered(4).map((text) => toQueue(queue.name, text)))
    expect(new Set(outcomes)).toEqual(new Set(['confirmed']))
    expect(textsOf(await takeAll(broker, queue.name, 2))).toEqual(['m2', 'm3'])
  })

  test('a queue that expires is gone when nobody uses it, and stays while it is consumed', async () => {
    const broker = await use().connect()
    // Longer than it takes from a declaration to a consumer, on a machine that has much else to do.
    const [unused, used] = [queueOf({ expiresMs: 1_000 }), queueOf({ expiresMs: 1_000 })]
    await declare(broker, { queues: [unused, used] })
    const collector = await collect(broker, used.name, { onDelivery: (delivery) => delivery.ack() })
    // Asking for a queue's depth starts its time anew: look more rarely than it takes to expire.
    await expect
      .poll(async () => broker.depths([unused.name]), { timeout: 10_000, interval: 2_000 })
      .toEqual([])
    await broker.publish([toQueue(used.name, 'here')])
    expect(textsOf(await collector.first(1))).toEqual(['here'])
  })

  test('an auto-delete queue goes with its last consumer', async () => {
    const broker = await use().connect()
    const queue = queueOf({ isAutoDelete: true })
    await declare(broker, { queues: [queue] })
    expect(await broker.publish([toQueue(queue.name, 'a')])).toEqual(['confirmed'])
    const [one, two] = [await collect(broker, queue.name), await collect(broker, queue.name)]
    await one.cancel()
    expect(await broker.depths([queue.name])).toHaveLength(1)
    for (const { ack } of [...one.deliveries, ...two.deliveries].map((delivery) => ({
      ack: () => delivery.ack(),
    })))
      ack()
    await two.cancel()
    await expect.poll(() => broker.depths([queue.name]), { timeout: 10_000 }).toEqual([])
  })

  test('purge drops what waits and tells how many; what was handed out stays', async () => {
    const broker = await use().connect()
    const queue = queueOf()
    await declare(broker, { queues: [queue] })
    await broker.publish(numbered(5).map((text) => toQueue(queue.name, text)))
    const collector = await collect(broker, queue.name, { prefetch: 2 })
    await collector.first(2)
    expect(await broker.purge(queue.name)).toBe(3)
    expect(await broker.purge('no-such-queue')).toBe(0)
    collector.deliveries[0]!.requeue()
    expect(textsOf(await collector.first(3))).toEqual(['m0', 'm1', 'm0'])
  })

  test('a deleted queue is gone; its consumer hears of it and resumes when the queue is declared again', async () => {
    const broker = await use().connect()
    const queue = queueOf()
    await declare(broker, { queues: [queue] })
    const states: string[] = []
    const collector = await collect(broker, queue.name, {
      onState: (state) => states.push(state),
      onDelivery: (delivery) => delivery.ack(),
    })
    await broker.publish([toQueue(queue.name, 'before')])
    await collector.first(1)
    await broker.deleteQueue(queue.name)
    await broker.deleteQueue(queue.name)
    await expect.poll(() => states).toContain('lost')
    expect(await broker.publish([toQueue(queue.name, 'nobody')])).toEqual(['unroutable'])
    await broker.declare({ queues: [queue] })
    expect(await broker.publish([toQueue(queue.name, 'after')])).toEqual(['confirmed'])
    expect(textsOf(await collector.first(2))).toEqual(['before', 'after'])
    expect(states.at(-1)).toBe('active')
  })

  test('a queue of the fixed topology cannot be deleted', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    await expect(broker.deleteQueue(topology.celeryQueue)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      details: { queue: topology.celeryQueue },
    })
  })

  test('what is delayed comes when it is due, by its own queue only, and can be delayed again', async () => {
    const { topology, connect } = use()
    const { prefix } = topology
    const broker = await connect()
    const suffix = crypto.randomUUID()
    const [queue, longer] = [
      queueOf({ name: `${prefix}${suffix}` }),
      queueOf({ name: `other.${prefix}${suffix}` }),
    ]
    // Classic here: 28 quorum queues take a test server seconds.
    await declare(broker, delayedDeliveryTopology({ prefix, queueType: 'classic' }))
    await declare(broker, {
      queues: [queue, longer],
      bindings: [queue, longer].map(({ name }) => delayedDeliveryBinding(name, { prefix })),
    })
    const collector = await collect(broker, queue.name, { onDelivery: (delivery) => delivery.ack() })
    const others = await collect(broker, longer.name)
    const route = delayedRoute(1_000, queue.name, prefix)!
    const sentAt = performance.now()
    await broker.publish([{ ...route, persistent: true, headers: { id: 'i' }, body: bytes('later') }])
    await collector.first(1)
    expect(performance.now() - sentAt).toBeGreaterThanOrEqual(990)
    const [first] = collector.deliveries
    expect(first!.exchange).toBe(delayedDeliveryExchange(prefix))
    expect(undelayedRoutingKey(first!.routingKey)).toBe(queue.name)
    expect(first!.headers).toHaveProperty('x-death')
    const again = delayedRoute(1_000, first!.routingKey, prefix)!
    expect(again).toEqual(route)
    await broker.publish([{ ...again, headers: withoutDeaths(first!.headers!), body: bytes('again') }])
    expect(textsOf(await collector.first(2))).toEqual(['later', 'again'])
    expect(others.deliveries).toEqual([])
  })
}
