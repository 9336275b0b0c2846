import { expect, test } from 'vitest'
import { parkMalformed } from '@celeriac/broker'
import { AppError, maxMessageBytes } from '@celeriac/core'
import { collect, expectDepth, takeAll, textOf, toQueue, type BrokerTest } from './broker-fixture.ts'

const malformed = new AppError('BROKER_MESSAGE_MALFORMED', 'the message body is not JSON', {
  details: { problems: [{ path: 'body', message: 'not JSON' }] },
})

export function exerciseParking(use: () => BrokerTest): void {
  test('moves the message to the dead-letter queue with its reason', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.eventQueue(1)
    await broker.publish([toQueue(queue, '{', { correlationId: 'c', headers: { id: 'kept' } })])
    const collector = await collect(broker, queue)
    const [delivery] = await collector.first(1)
    expect(await parkMalformed(broker, topology, delivery!, malformed)).toBe(true)
    const [parked] = await takeAll(broker, topology.deadLetter, 1)
    expect(textOf(parked!)).toBe('{')
    expect(parked).toMatchObject({
      correlationId: 'c',
      persistent: true,
      headers: {
        id: 'kept',
        'x-celeriac-reason': 'BROKER_MESSAGE_MALFORMED',
        'x-celeriac-queue': queue,
      },
    })
    expect(JSON.parse(parked!.headers!['x-celeriac-problems'] as string)).toEqual({
      message: malformed.message,
      problems: [{ path: 'body', message: 'not JSON' }],
    })
    await broker.stop()
    const after = await connect()
    await expectDepth(after, queue, 0)
    await expectDepth(after, topology.undelivered, 0)
  })

  test('copes with headers and problems of any size', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('local')
    await broker.publish([toQueue(queue, 'x', { headers: { huge: 'h'.repeat(60_000) } })])
    const collector = await collect(broker, queue)
    const [delivery] = await collector.first(1)
    const wordy = new AppError('BROKER_MESSAGE_MALFORMED', 'wordy', {
      details: { text: '字'.repeat(50_000) },
    })
    expect(await parkMalformed(broker, topology, delivery!, wordy)).toBe(true)
    const [parked] = await takeAll(broker, topology.deadLetter, 1)
    expect(parked!.headers).toMatchObject({ 'x-celeriac-headers-dropped': true, 'x-celeriac-queue': queue })
  })

  test('cuts a body over the limit and says how long it was', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('local')
    await broker.publish([toQueue(queue, 'x')])
    const collector = await collect(broker, queue)
    const [delivery] = await collector.first(1)
    // As from a foreign publisher, whom no limit of ours holds back.
    const large = Object.assign(Object.create(delivery!), { body: new Uint8Array(maxMessageBytes + 10) })
    Object.assign(large, { queue, ack: () => delivery!.ack(), requeue: () => delivery!.requeue() })
    expect(await parkMalformed(broker, topology, large as typeof delivery & object, malformed)).toBe(true)
    const [parked] = await takeAll(broker, topology.deadLetter, 1)
    expect(parked!.body).toHaveLength(maxMessageBytes)
    expect(parked!.headers).toMatchObject({ 'x-celeriac-body-bytes': maxMessageBytes + 10 })
  })
}
