import { expect, test } from 'vitest'
import { collect, expectDepth, takeAll, textOf, toQueue, type BrokerTest } from './broker-fixture.ts'

export function exerciseDeadLetters(use: () => BrokerTest): void {
  test('a rejected task goes to the undelivered queue as it was, with its history', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('dc')
    const collector = await collect(broker, queue, { onDelivery: (delivery) => delivery.reject() })
    await broker.publish([
      toQueue(queue, 'task', {
        correlationId: 'c',
        replyTo: 'events',
        contentType: 'text/plain',
        headers: { id: 'i' },
      }),
    ])
    await collector.first(1)
    const [dead] = await takeAll(broker, topology.undelivered, 1)
    expect(textOf(dead!)).toBe('task')
    expect(dead).toMatchObject({
      queue: topology.undelivered,
      exchange: topology.deadLetterExchange,
      correlationId: 'c',
      replyTo: 'events',
      contentType: 'text/plain',
      persistent: true,
      headers: {
        id: 'i',
        'x-first-death-queue': queue,
        'x-first-death-reason': 'rejected',
        'x-first-death-exchange': '',
        'x-death': [
          {
            count: 1,
            queue,
            reason: 'rejected',
            exchange: '',
            'routing-keys': [queue],
            time: expect.any(Number),
          },
        ],
      },
    })
  })

  test('a task that comes back too often goes there too, after six deliveries', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('local')
    await broker.publish([toQueue(queue, 'poison')])
    const collector = await collect(broker, queue, { onDelivery: (delivery) => delivery.requeue() })
    const [dead] = await takeAll(broker, topology.undelivered, 1)
    expect(collector.deliveries.map(({ deliveryCount }) => deliveryCount)).toEqual([0, 1, 2, 3, 4, 5])
    expect(dead).toMatchObject({
      deliveryCount: 0,
      redelivered: false,
      headers: { 'x-death': [{ count: 1, queue, reason: 'delivery_limit' }] },
    })
  })

  test('the deliveries of consumers that vanish count as well', async () => {
    const { topology, connect } = use()
    const queue = topology.executorQueue('local')
    const observer = await connect()
    await observer.publish([toQueue(queue, 'deadly')])
    for (let worker = 0; worker < 6; worker++) {
      const broker = await connect()
      const collector = await collect(broker, queue)
      const [delivery] = await collector.first(1)
      expect(delivery!.deliveryCount).toBe(worker)
      await broker.stop()
    }
    const [dead] = await takeAll(observer, topology.undelivered, 1)
    expect(textOf(dead!)).toBe('deadly')
  })

  test('an expired task goes there too, and expires no more', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('local')
    await broker.publish([toQueue(queue, 'late', { expirationMs: 20 })])
    const [dead] = await takeAll(broker, topology.undelivered, 1)
    expect(dead!.expirationMs).toBeUndefined()
    expect(dead).toMatchObject({
      headers: { 'x-death': [{ count: 1, queue, reason: 'expired', 'original-expiration': '20' }] },
    })
  })

  test('where a queue has no dead-letter exchange, rejected and expired messages are dropped', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('predict')
    await broker.publish([toQueue(queue, 'late', { expirationMs: 20 })])
    await expectDepth(broker, queue, 0)
    const collector = await collect(broker, queue, { onDelivery: (delivery) => delivery.reject() })
    await broker.publish([toQueue(queue, 'unwanted')])
    expect(textOf((await collector.first(1))[0]!)).toBe('unwanted')
    await broker.stop()
    const after = await connect()
    await expectDepth(after, queue, 0)
    await expectDepth(after, topology.undelivered, 0)
  })

  test('the same death again is counted, another one is added in front', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('local')
    await broker.publish([toQueue(queue, 'again')])
    const collector = await collect(broker, queue, { onDelivery: (delivery) => delivery.reject() })
    const [first] = await takeAll(broker, topology.undelivered, 1)
    await collector.cancel()
    const { headers } = first!
    await broker.publish([toQueue(queue, 'again', { headers: headers!, expirationMs: 10 })])
    const [second] = await takeAll(broker, topology.undelivered, 1)
    expect(second!.headers).toMatchObject({
      'x-first-death-reason': 'rejected',
      'x-death': [
        { count: 1, reason: 'expired', queue },
        { count: 1, reason: 'rejected', queue },
      ],
    })
  })
}
