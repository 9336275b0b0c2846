import { expect, test } from 'vitest'
import {
  collect,
  expectDepth,
  numbered,
  takeAll,
  textOf,
  textsOf,
  toQueue,
  type BrokerTest,
} from './broker-fixture.ts'

export function exerciseConsumers(use: () => BrokerTest): void {
  test('of one queue share its messages', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('local')
    const one = await collect(broker, queue, { prefetch: 5 })
    const two = await collect(await connect(), queue, { prefetch: 5 })
    await broker.publish(numbered(10).map((text) => toQueue(queue, text)))
    await one.first(5)
    await two.first(5)
    expect(textsOf([...one.deliveries, ...two.deliveries]).sort()).toEqual(numbered(10).sort())
  })

  test('get nothing after cancel, and can still settle what they have', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('local')
    await broker.publish(numbered(4).map((text) => toQueue(queue, text)))
    const collector = await collect(broker, queue, { prefetch: 2 })
    await collector.first(2)
    await collector.cancel()
    await collector.cancel()
    collector.deliveries[0]!.ack()
    collector.deliveries[1]!.requeue()
    expect(textsOf(await takeAll(broker, queue, 3))).toEqual(['m1', 'm2', 'm3'])
    expect(collector.deliveries).toHaveLength(2)
    await broker.stop()
    await expectDepth(await connect(), queue, 0)
  })

  test('that were cancelled hold what they have until their connection ends', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('local')
    await broker.publish([toQueue(queue, 'held')])
    const collector = await collect(broker, queue)
    await collector.first(1)
    await collector.cancel()
    await expectDepth(broker, queue, 0)
    await broker.stop()
    expect(textsOf(await takeAll(await connect(), queue, 1))).toEqual(['held'])
  })

  test('hear when they are active and when they are lost, but not of their own cancel', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const lost: string[] = []
    const cancelled: string[] = []
    await collect(broker, topology.celeryQueue, { onState: (state) => lost.push(state) })
    const other = await collect(broker, topology.celeryQueue, { onState: (state) => cancelled.push(state) })
    await other.cancel()
    await broker.stop()
    expect({ lost, cancelled }).toEqual({ lost: ['active', 'lost'], cancelled: ['active'] })
  })

  test('of a queue that does not exist are refused with its name', async () => {
    const broker = await use().connect()
    await expect(collect(broker, 'no-such-queue')).rejects.toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      details: { queue: 'no-such-queue' },
    })
  })

  test('of an event queue are active one at a time; the next takes over when one is cancelled', async () => {
    const { topology, connect } = use()
    const queue = topology.eventQueue(3)
    const broker = await connect()
    const first = await collect(broker, queue, { onDelivery: (delivery) => delivery.ack() })
    const second = await collect(await connect(), queue, { onDelivery: (delivery) => delivery.ack() })
    await broker.publish(numbered(20).map((text) => toQueue(queue, text)))
    await first.first(20)
    expect(second.deliveries).toHaveLength(0)
    await first.cancel()
    await broker.publish([toQueue(queue, 'after')])
    expect(textsOf(await second.first(1))).toEqual(['after'])
    expect(first.deliveries).toHaveLength(20)
  })

  test('of an event queue: the next gets again what the active one had when its broker stopped', async () => {
    const { topology, connect } = use()
    const queue = topology.eventQueue(0)
    const active = await connect()
    const first = await collect(active, queue, { prefetch: 4 })
    const standby = await connect()
    const second = await collect(standby, queue, { onDelivery: (delivery) => delivery.ack() })
    await standby.publish(numbered(6).map((text) => toQueue(queue, text)))
    const held = await first.first(4)
    held[0]!.ack()
    await active.stop()
    // In any order: the next consumer may be active before the first has given back what it held.
    const again = (await second.first(5)).map((delivery) => `${textOf(delivery)} ${delivery.redelivered}`)
    expect(again.sort()).toEqual(['m1 true', 'm2 true', 'm3 true', 'm4 false', 'm5 false'])
  })
}
