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

export function exerciseDeliveries(use: () => BrokerTest): void {
  test('come in the order of publishing, and no more than the prefetch at a time', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('local')
    await broker.publish(numbered(10).map((text) => toQueue(queue, text)))
    const collector = await collect(broker, queue, { prefetch: 3 })
    expect(textsOf(await collector.first(3))).toEqual(['m0', 'm1', 'm2'])
    await expectDepth(broker, queue, 7)
    expect(collector.deliveries).toHaveLength(3)
    collector.deliveries[1]!.ack()
    expect(textsOf(await collector.first(4))).toEqual(['m0', 'm1', 'm2', 'm3'])
    collector.deliveries[0]!.ack()
    collector.deliveries[2]!.ack()
    expect(textsOf(await collector.first(6)).slice(4)).toEqual(['m4', 'm5'])
    await expectDepth(broker, queue, 4)
  })

  test('have no limit with a prefetch of 0', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    await broker.publish(numbered(600).map((text) => toQueue(topology.celeryQueue, text)))
    const collector = await collect(broker, topology.celeryQueue, { prefetch: 0 })
    expect(textsOf(await collector.first(600))).toEqual(numbered(600))
  })

  test('that are acked are gone; those that are not come again when the connection ends', async () => {
    const { topology, connect } = use()
    const queue = topology.executorQueue('local')
    const first = await connect()
    await first.publish(numbered(6).map((text) => toQueue(queue, text)))
    const collector = await collect(first, queue)
    const held = [...(await collector.first(6))]
    for (const index of [0, 1, 4]) held[index]!.ack()
    await first.stop()
    // On a connection that is gone these do nothing.
    held[2]!.ack()
    held[3]!.reject()
    held[5]!.requeue()

    const second = await connect()
    const again = await takeAll(second, queue, 3)
    expect(textsOf(again)).toEqual(['m2', 'm3', 'm5'])
    expect(again.map(({ redelivered, deliveryCount }) => ({ redelivered, deliveryCount }))).toEqual(
      again.map(() => ({ redelivered: true, deliveryCount: 1 })),
    )
    await expectDepth(second, queue, 0)
    await expectDepth(second, topology.undelivered, 0)
  })

  test('that are requeued come again, ahead of the others, marked and counted', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('local')
    await broker.publish(numbered(3).map((text) => toQueue(queue, text)))
    const collector = await collect(broker, queue, { prefetch: 1 })
    await collector.first(1)
    collector.deliveries[0]!.requeue()
    const [, second] = await collector.first(2)
    expect({ text: textOf(second!), redelivered: second!.redelivered, count: second!.deliveryCount }).toEqual(
      {
        text: 'm0',
        redelivered: true,
        count: 1,
      },
    )
    expect(second!.headers).toBeUndefined()
    second!.ack()
    const [, , third] = await collector.first(3)
    expect({ text: textOf(third!), redelivered: third!.redelivered, count: third!.deliveryCount }).toEqual({
      text: 'm1',
      redelivered: false,
      count: 0,
    })
  })

  test('are settled once: later calls do nothing', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('local')
    await broker.publish(numbered(2).map((text) => toQueue(queue, text)))
    const collector = await collect(broker, queue, { prefetch: 1 })
    const [first] = await collector.first(1)
    first!.ack()
    first!.requeue()
    first!.reject()
    first!.ack()
    const [, second] = await collector.first(2)
    expect(textOf(second!)).toBe('m1')
    second!.ack()
    await expectDepth(broker, queue, 0)
    await expectDepth(broker, topology.undelivered, 0)
    expect(collector.deliveries).toHaveLength(2)
  })

  test('without acknowledgements count as done when sent', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.celeryQueue
    await broker.publish(numbered(300).map((text) => toQueue(queue, text)))
    const collector = await collect(broker, queue, {
      noAck: true,
      prefetch: 1,
      onDelivery: (delivery) => delivery.requeue(),
    })
    expect(textsOf(await collector.first(300))).toEqual(numbered(300))
    await broker.stop()
    await expectDepth(await connect(), queue, 0)
  })

  test('can be acked in any order, in many macrotasks, with some given back', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('local')
    const count = 200
    await broker.publish(numbered(count).map((text) => toQueue(queue, text)))
    const done = new Set<string>()
    const held: (() => void)[] = []
    const collector = await collect(broker, queue, {
      prefetch: 50,
      onDelivery: (delivery) => {
        const number = Number(textOf(delivery).slice(1))
        if (number % 7 === 0 && delivery.deliveryCount === 0) delivery.requeue()
        else if (number % 11 === 0 && held.length < 20) {
          held.push(() => delivery.ack())
          done.add(textOf(delivery))
        } else {
          done.add(textOf(delivery))
          if (number % 2 === 0) delivery.ack()
          else setImmediate(() => setImmediate(() => delivery.ack()))
        }
      },
    })
    await expect.poll(() => done.size, { timeout: 10_000 }).toBe(count)
    await collector.cancel()
    for (const ack of held.toReversed()) ack()
    await broker.stop()
    await expectDepth(await connect(), queue, 0)
  })

  test('stay with the consumer when its handler throws', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('local')
    const collector = await collect(broker, queue, {
      onDelivery: (delivery) => {
        if (textOf(delivery) === 'm0') throw new Error('a defect of the consumer')
        delivery.ack()
      },
    })
    await broker.publish(numbered(2).map((text) => toQueue(queue, text)))
    await collector.first(2)
    await broker.stop()
    expect(textsOf(await takeAll(await connect(), queue, 1))).toEqual(['m0'])
  })
}
