import { expect, test } from 'vitest'
import { maxMessageBytes } from '@celeriac/core'
import {
  bytes,
  collect,
  expectDepth,
  numbered,
  takeAll,
  textsOf,
  toQueue,
  type BrokerTest,
} from './broker-fixture.ts'

export function exercisePublishing(use: () => BrokerTest): void {
  test('gives each message its outcome, in the order of the messages', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('local')
    expect(
      await broker.publish([
        toQueue(queue, 'a'),
        toQueue('no-such-queue', 'b'),
        toQueue(queue, 'c'),
        toQueue('no-such-queue', 'd', { mandatory: false }),
      ]),
    ).toEqual(['confirmed', 'unroutable', 'confirmed', 'confirmed'])
    expect(textsOf(await takeAll(broker, queue, 2))).toEqual(['a', 'c'])
  })

  test('tells unroutable messages from others that equal them but for the queue, the ids or the body', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('local')
    const messages = numbered(60).map((text, index) =>
      toQueue(index % 3 === 0 ? 'no-such-queue' : queue, index % 2 === 0 ? 'same' : text, {
        headers: { id: `id-${index % 4}` },
        ...(index % 5 === 0 ? { correlationId: text } : {}),
      }),
    )
    expect(await broker.publish(messages)).toEqual(
      messages.map((_, index) => (index % 3 === 0 ? 'unroutable' : 'confirmed')),
    )
  })

  test('of no messages resolves with no outcomes', async () => {
    expect(await (await use().connect()).publish([])).toEqual([])
  })

  test('keeps the order of messages over many calls', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.celeryQueue
    const texts = numbered(500)
    const outcomes = await Promise.all(texts.map((text) => broker.publish([toQueue(queue, text)])))
    expect(new Set(outcomes.flat())).toEqual(new Set(['confirmed']))
    expect(textsOf(await takeAll(broker, queue, 500))).toEqual(texts)
  })

  test('to an exchange that does not exist is unroutable and disturbs no one else', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.celeryQueue
    const lost = { ...toQueue('', 'x'), exchange: 'no-such-exchange', mandatory: false }
    const outcomes = await broker.publish([toQueue(queue, 'a'), lost, toQueue(queue, 'b'), lost])
    expect(outcomes).toEqual(['confirmed', 'unroutable', 'confirmed', 'unroutable'])
    expect(await broker.publish([lost, toQueue(queue, 'c')])).toEqual(['unroutable', 'confirmed'])
    expect(textsOf(await takeAll(broker, queue, 3))).toEqual(['a', 'b', 'c'])
  })

  test('to a full queue is rejected', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('predict')
    const outcomes = await broker.publish(numbered(1_000).map((text) => toQueue(queue, text)))
    expect(new Set(outcomes)).toEqual(new Set(['confirmed']))
    expect(await broker.publish([toQueue(queue, 'one too many')])).toEqual(['rejected'])
    await expectDepth(broker, queue, 1_000)
  })

  test('refuses a body over the limit before anything is sent, and takes one at the limit', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.celeryQueue
    const large = { ...toQueue(queue, ''), body: new Uint8Array(maxMessageBytes + 1) }
    await expect(broker.publish([toQueue(queue, 'a'), large])).rejects.toMatchObject({
      code: 'BROKER_MESSAGE_TOO_LARGE',
      details: { bytes: maxMessageBytes + 1, limit: maxMessageBytes },
    })
    const largest = { ...toQueue(queue, ''), body: new Uint8Array(maxMessageBytes).fill(7) }
    expect(await broker.publish([largest])).toEqual(['confirmed'])
    const [received] = await takeAll(broker, queue, 1)
    expect(Buffer.compare(received!.body, largest.body)).toBe(0)
  })

  test('carries all properties and headers to the consumer', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const properties = {
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      correlationId: 'c-1',
      replyTo: 'somewhere',
      messageId: 'm-1',
      type: 'greeting',
      appId: 'test',
      priority: 3,
      persistent: true,
      expirationMs: 60_000,
      headers: {
        text: '标签',
        int: 2 ** 40,
        negative: -7,
        float: 0.25,
        yes: true,
        nothing: null,
        list: [1, 'two', { three: [3] }],
        table: { nested: { deep: 'down' } },
      },
    }
    await broker.publish([toQueue(topology.celeryQueue, 'a', properties)])
    const [received] = await takeAll(broker, topology.celeryQueue, 1)
    const { body, queue, exchange, routingKey, redelivered, deliveryCount, ...rest } = received!
    expect(JSON.parse(JSON.stringify(rest))).toEqual(properties)
    expect({ queue, exchange, routingKey }).toEqual({
      queue: topology.celeryQueue,
      exchange: '',
      routingKey: topology.celeryQueue,
    })
    expect({ redelivered, deliveryCount, body: [...body] }).toEqual({
      redelivered: false,
      deliveryCount: 0,
      body: [...bytes('a')],
    })
  })

  test('leaves out what the message does not have', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    await broker.publish([
      { exchange: '', routingKey: topology.celeryQueue, headers: {}, body: new Uint8Array() },
    ])
    const [received] = await takeAll(broker, topology.celeryQueue, 1)
    const properties = Object.keys(JSON.parse(JSON.stringify(received)) as object).sort()
    expect(properties).toEqual(
      ['body', 'deliveryCount', 'exchange', 'persistent', 'queue', 'redelivered', 'routingKey'].sort(),
    )
    expect(received).toMatchObject({ persistent: false })
    expect(received!.body).toHaveLength(0)
  })

  test('copies: later changes by the publisher or by a consumer reach no one else', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const names = ['isolated-a', 'isolated-b'].map((name) => `${topology.prefix}${name}`)
    for (const name of names)
      await broker.declarePrivateQueue({
        name,
        bindings: [{ exchange: topology.liveExchange, routingKey: '' }],
      })
    const headers = { list: ['original'] }
    const body = bytes('original')
    await broker.publish([{ exchange: topology.liveExchange, routingKey: '', headers, body }])
    headers.list[0] = 'changed'
    body.fill(0)
    const spoil = await collect(broker, names[0]!, {
      onDelivery: (delivery) => {
        delivery.body.fill(0)
        ;(delivery.headers as { list: string[] }).list[0] = 'spoilt'
      },
    })
    await spoil.first(1)
    const [received] = await takeAll(broker, names[1]!, 1)
    expect(received!.headers).toEqual({ list: ['original'] })
    expect(textsOf([received!])).toEqual(['original'])
  })

  test('never delivers before publish has returned', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const order: string[] = []
    const collector = await collect(broker, topology.celeryQueue, {
      onDelivery: () => order.push('delivered'),
    })
    const published = broker.publish([toQueue(topology.celeryQueue, 'a')])
    order.push('returned')
    await published
    await collector.first(1)
    expect(order).toEqual(['returned', 'delivered'])
  })

  test('after stop is unknown', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    await broker.stop()
    expect(await broker.publish([toQueue(topology.celeryQueue, 'a')])).toEqual(['unknown'])
  })
}
