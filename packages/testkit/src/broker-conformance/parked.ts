import { parkMalformed, withParked, type ParkedMessage } from '@celeriac/broker'
import { unknownVersion } from '@celeriac/contracts'
import { AppError, type Broker, type OutgoingMessage } from '@celeriac/core'
import { expect, test } from 'vitest'
import { collect, expectDepth, takeAll, textOf, toQueue, type BrokerTest } from './broker-fixture.ts'

const malformed = new AppError('BROKER_MESSAGE_MALFORMED', 'the message body is not JSON')
const newer = unknownVersion('the event is not known', { event: 'run.paused' })

/** Publishes to the queues that the messages name, takes them from there, and parks them. */
async function park(
  { topology }: BrokerTest,
  broker: Broker,
  queue: string,
  messages: readonly OutgoingMessage[],
  error: AppError,
): Promise<void> {
  await broker.publish(messages)
  const collector = await collect(broker, queue)
  for (const delivery of await collector.first(messages.length))
    expect(await parkMalformed(broker, topology, delivery, error)).toBe(true)
  await collector.cancel()
}

const listed = ({ topology }: BrokerTest, broker: Broker, limit = 100): Promise<readonly ParkedMessage[]> =>
  withParked(broker, topology, limit, async (held) => held.map(({ message }) => message))

export function exerciseParked(use: () => BrokerTest): void {
  test('parked messages are listed as often as one likes, without what is in them', async () => {
    const fixture = use()
    const { topology } = fixture
    const broker = await fixture.connect()
    const queue = topology.eventQueue(2)
    const event = '{"event":"run.paused","run_id":"r1","token":"secret"}'
    await park(
      fixture,
      broker,
      queue,
      [toQueue(queue, event, { type: 't', headers: { secret: 'secret', celeriac_version: 9 } })],
      newer,
    )
    await park(fixture, broker, queue, [toQueue(queue, '{', { correlationId: 'a\u001b1' })], malformed)
    const first = await listed(fixture, broker)
    expect(first).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f]{16}$/),
        reason: 'unknown_version',
        problem: 'the event is not known',
        queue,
        type: 'run.paused',
        parkedAt: expect.any(Number),
        runId: 'r1',
        attemptId: null,
        bodyBytes: event.length,
        isWhole: true,
      },
      expect.objectContaining({
        reason: 'BROKER_MESSAGE_MALFORMED',
        type: null,
        runId: null,
        attemptId: 'a?1',
      }),
    ])
    expect(JSON.stringify(first)).not.toContain('secret')
    // Often enough for the counter of returns to be reset by copies on the way.
    for (let look = 0; look < 15; look++) {
      await expectDepth(broker, topology.deadLetter, 2)
      expect((await listed(fixture, broker)).map(({ id }) => id).toSorted()).toEqual(
        first.map(({ id }) => id).toSorted(),
      )
    }
    await expectDepth(broker, topology.deadLetter, 2)
    expect(await listed(fixture, broker, 1)).toHaveLength(1)
  })

  test('a replayed message is in its queue as it was, and the others stay parked', async () => {
    const fixture = use()
    const { topology } = fixture
    const broker = await fixture.connect()
    const queue = topology.executorQueue('local')
    const properties = { correlationId: 'c', replyTo: 'events', headers: { id: 'c', celeriac_version: 2 } }
    await park(
      fixture,
      broker,
      queue,
      [toQueue(queue, '[[],{"run_id":"r"},{}]', { ...properties, contentType: 'application/json' })],
      newer,
    )
    await park(fixture, broker, queue, [toQueue(queue, 'other')], malformed)
    await expectDepth(broker, topology.deadLetter, 2)
    const outcomes = await withParked(broker, topology, 100, (held) =>
      Promise.all(held.filter(({ message }) => message.runId === 'r').map((one) => one.replay())),
    )
    expect(outcomes).toEqual(['replayed'])
    const [back] = await takeAll(broker, queue, 1)
    expect(textOf(back!)).toBe('[[],{"run_id":"r"},{}]')
    expect(back).toMatchObject({ ...properties, contentType: 'application/json', persistent: true })
    expect(back!.headers).toEqual(properties.headers)
    await expectDepth(broker, topology.deadLetter, 1)
    expect(await listed(fixture, broker)).toMatchObject([{ reason: 'BROKER_MESSAGE_MALFORMED' }])
  })

  test('what cannot go back to its queue stays, and says why', async () => {
    const fixture = use()
    const { topology } = fixture
    const broker = await fixture.connect()
    const parked = (queue: string, more: object = {}): OutgoingMessage =>
      toQueue(topology.deadLetter, 'x', { headers: { 'x-celeriac-queue': queue, ...more } })
    await broker.publish([
      parked(`${topology.prefix}gone`),
      parked(topology.eventQueue(0), { 'x-celeriac-body-bytes': 1_000_000 }),
      toQueue(topology.deadLetter, 'of somebody else'),
    ])
    const outcomes = await withParked(broker, topology, 100, async (held) => {
      const each: string[] = []
      for (const one of held) each.push(await one.replay())
      return each
    })
    expect(outcomes).toEqual(['no_queue', 'not_whole', 'not_whole'])
    await expectDepth(broker, topology.deadLetter, 3)
  })

  test('nothing is lost when the process ends, or the work fails, while it holds them', async () => {
    const fixture = use()
    const { topology } = fixture
    const broker = await fixture.connect()
    const observer = await fixture.connect()
    await park(fixture, broker, topology.eventQueue(0), [toQueue(topology.eventQueue(0), 'a')], newer)
    await expect(
      withParked(broker, topology, 100, () => Promise.reject(new Error('no terminal'))),
    ).rejects.toThrow('no terminal')
    await expectDepth(observer, topology.deadLetter, 1)
    const outcome = await withParked(broker, topology, 100, async ([held]) => {
      await broker.stop()
      return held!.replay().catch(() => 'failed')
    })
    expect(outcome).toBe('failed')
    await expectDepth(observer, topology.deadLetter, 1)
  })
}
