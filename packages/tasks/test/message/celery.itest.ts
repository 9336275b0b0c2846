import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  createAmqpBroker,
  delayedDeliveryBinding,
  delayedDeliveryTopology,
  undelayedRoutingKey,
} from '@celeriac/broker'
import type { Broker, Declaration, Delivery, QueueSpec } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { useTestRabbit, type TestRabbit } from '@celeriac/testkit'
import { decodeTaskCall } from '../../src/message/decode-task-call.ts'
import { encodeTaskCall } from '../../src/message/encode-task-call.ts'
import { createMessageCodec, type MessageCodec } from '../../src/message/message-codec.ts'
import { decodeJson } from '../../src/serialization/json.ts'
import { PythonPeer } from '../python/python-peer.ts'
import { aTaskCall, aTaskRoute } from './a-task-call.ts'

const key = { id: 'k1', secret: 'a secret of at least 32 characters' }
let rabbit: TestRabbit
let broker: Broker
let codec: MessageCodec
let celery: PythonPeer
let queue: QueueSpec
const exchanges: string[] = []

beforeAll(async () => {
  rabbit = await useTestRabbit()
  const { url, topology } = rabbit
  broker = createAmqpBroker({ url, topology, name: 'celery wire', logger: silentLogger() })
  await broker.start()
  celery = new PythonPeer('celery_peer.py', { TEST_AMQP_URL: url })
  codec = await createMessageCodec({ accept: ['json', 'yaml', 'msgpack'] })
})
afterAll(async () => {
  await celery.close()
  // Celery declares an exchange for each queue, and some of them again on a connection that it keeps.
  await rabbit.remove({ queues: [], exchanges })
  await broker.stop()
  await rabbit.close()
})
beforeEach(async () => {
  queue = { name: `${rabbit.topology.prefix}tasks-${crypto.randomUUID()}`, type: 'classic' }
  exchanges.push(queue.name)
  await broker.declare({ queues: [queue] })
})
afterEach(() => broker.deleteQueue(queue.name))

/** The next message of the queue. */
async function received(): Promise<Delivery> {
  const deliveries: Delivery[] = []
  const consumer = await broker.consume({
    queue: queue.name,
    prefetch: 1,
    onDelivery: (delivery) => {
      deliveries.push(delivery)
      delivery.ack()
    },
  })
  await expect.poll(() => deliveries, { timeout: 20_000, interval: 10 }).not.toEqual([])
  await consumer.cancel()
  return deliveries[0]!
}

const sent = async (request: object): Promise<Delivery> => {
  const [delivery] = await Promise.all([received(), celery.ask('send', { queue: queue.name, ...request })])
  return delivery
}

test('a task sent by Celery with every option is read', async () => {
  const delivery = await sent({
    args: [1, 'zwei', null],
    kwargs: { deep: { list: [1.5] } },
    options: {
      task_id: 'i',
      root_id: 'r',
      parent_id: 'p',
      group_id: 'g',
      group_index: 300,
      priority: 5,
      countdown: 10,
      expires: 3_600,
      time_limit: 300,
      soft_time_limit: 20.5,
      retries: 200,
      shadow: 'shown',
      ignore_result: true,
      reply_to: 'replies',
      app_id: 'shop',
      headers: { 'x-my': 'own', sent_ms: 1_700_000_000_000, small: 300, below: -1, deep: { at: 2 ** 40 } },
      compression: 'zlib',
    },
  })
  const call = decodeTaskCall(delivery, codec)
  expect(call).toEqual(
    aTaskCall({
      id: 'i',
      rootId: 'r',
      parentId: 'p',
      group: 'g',
      groupIndex: 300,
      args: [1, 'zwei', null],
      kwargs: { deep: { list: [1.5] } },
      retries: 200,
      eta: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$/),
      expires: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$/),
      timelimit: [300, 20.5],
      shadow: 'shown',
      origin: expect.stringMatching(/^gen\d+@/),
      ignoreResult: true,
      argsrepr: "[1, 'zwei', None]",
      kwargsrepr: "{'deep': {'list': [1.5]}}",
      headers: { 'x-my': 'own', sent_ms: 1_700_000_000_000, small: 300, below: -1, deep: { at: 2 ** 40 } },
      replyTo: 'replies',
      priority: 5,
      properties: { app_id: 'shop' },
    }),
  )
  expect(delivery.expirationMs).toBe(3_600_000)
})

test.each([
  ['json', 'zstd'],
  ['yaml', 'brotli'],
  ['msgpack', 'gzip'],
])('a task sent by Celery as %s, compressed with %s, is read', async (serializer, compression) => {
  const delivery = await sent({ args: [2, 'zwei'], options: { serializer, compression } })
  expect(decodeTaskCall(delivery, codec)).toMatchObject({ task: 'tasks.add', args: [2, 'zwei'], kwargs: {} })
})

test('pickle sent by Celery is refused', async () => {
  const delivery = await sent({ args: [2], options: { serializer: 'pickle' } })
  expect(() => decodeTaskCall(delivery, codec)).toThrow(
    expect.objectContaining({ code: 'BROKER_CONTENT_REFUSED' }),
  )
})

test('a canvas sent by Celery is read: the chain in reverse, a chord in it, and its error callbacks', async () => {
  const [delivery] = await Promise.all([received(), celery.ask('send_canvas', { queue: queue.name })])
  const { chain, errbacks, args } = decodeTaskCall(delivery, codec)
  expect(args).toEqual([1, 1])
  expect(chain).toMatchObject([{ task: 'celery.chord', subtask_type: 'chord' }])
  expect(errbacks).toMatchObject([{ task: 'tasks.add', args: [0, 0], immutable: true }])
})

test('protocol 1 sent by Celery is read', async () => {
  const [delivery, id] = await Promise.all([
    received(),
    celery.ask<string>('send_protocol_1', { queue: queue.name, args: [2, 2] }),
  ])
  expect(decodeTaskCall(delivery, codec)).toMatchObject({
    id,
    task: 'tasks.add',
    args: [2, 2],
    eta: expect.stringContaining('+00:00'),
  })
})

test('a task signed by Python is read where signatures are required, and one that is not signed is refused', async () => {
  const signing = await createMessageCodec({ signingKeys: [key] })
  const options = {
    time_limit: 300,
    soft_time_limit: 1.5,
    compression: 'zlib',
    countdown: 1,
    expires: 60,
    task_id: 'i',
  }
  expect(decodeTaskCall(await sent({ args: [1], options, key }), signing)).toMatchObject({
    id: 'i',
    args: [1],
  })
  const unsigned = await sent({ args: [1], options })
  expect(() => decodeTaskCall(unsigned, signing)).toThrow(
    expect.objectContaining({ code: 'BROKER_SIGNATURE_INVALID' }),
  )
})

test.each(['json', 'gzip', 'zstd', 'brotli', 'yaml', 'msgpack'])(
  'Celery reads a task written here (%s)',
  async (how) => {
    const isSerializer = ['json', 'yaml', 'msgpack'].includes(how)
    const route = aTaskRoute({
      routingKey: queue.name,
      serializer: isSerializer ? how : 'json',
      compression: isSerializer ? null : how,
    })
    const values = how === 'json' ? decodeJson('{"__type__":"decimal","__value__":"1.50"}') : 'zwei'
    const call = aTaskCall({
      args: [1, values],
      kwargs: { y: [null, true, 2 ** 40] },
      rootId: 'r',
      parentId: 'p',
      group: 'g',
      groupIndex: 300,
      retries: 200,
      eta: '2096-11-21T12:00:00.500000+00:00',
      expires: '2097-11-21T12:00:00+02:00',
      timelimit: [300, 20],
      headers: { 'x-my': 'own', small: 300, below: -1, large: 2 ** 40 },
      properties: { app_id: 'shop' },
      priority: 3,
      callbacks: [
        { task: 'tasks.add', args: [1], kwargs: {}, options: {}, subtask_type: null, immutable: false },
      ],
    })
    expect(await broker.publish([encodeTaskCall(call, route, codec, Date.now())])).toEqual(['confirmed'])
    const read = await celery.ask('take', { queue: queue.name, headers: ['x-my', 'small', 'below', 'large'] })
    expect(read).toEqual({
      id: 'id-1',
      args: how === 'json' ? "[1, Decimal('1.50')]" : "[1, 'zwei']",
      kwargs: "{'y': [None, True, 1099511627776]}",
      embed: {
        callbacks: [
          { task: 'tasks.add', args: [1], kwargs: {}, options: {}, subtask_type: null, immutable: false },
        ],
        errbacks: null,
        chain: null,
        chord: null,
      },
      eta: '2096-11-21T12:00:00.500000+00:00',
      expires: expect.stringContaining('2097-11-21T'),
      time_limits: [300, 20],
      root_id: 'r',
      parent_id: 'p',
      group: 'g',
      group_index: 300,
      reply_to: 'replies',
      correlation_id: 'id-1',
      argsrepr: how === 'json' ? "(1, Decimal('1.50'))" : "(1, 'zwei')",
      retries: 200,
      headers: { 'x-my': 'own', small: 300, below: -1, large: 2 ** 40 },
      priority: 3,
      delivery_mode: 2,
      app_id: 'shop',
    })
  },
)

test('a countdown of a Python producer with quorum queues waits on the broker and reaches a queue bound here', async () => {
  const delayed = { name: `${queue.name}.delayed`, type: 'quorum' as const }
  const levels = delayedDeliveryTopology()
  await broker.declare(levels)
  await broker.declare({ queues: [delayed], bindings: [delayedDeliveryBinding(delayed.name)] })
  const id = await celery.ask<string>('send_delayed', { queue: delayed.name, countdown: 2 })
  expect(await broker.depths([delayed.name])).toMatchObject([{ messages: 0 }])
  const original = queue
  queue = delayed
  const delivery = await received()
  queue = original
  const call = decodeTaskCall(delivery, codec)
  expect(call).toMatchObject({ id, task: 'tasks.add', args: [2, 2], headers: {} })
  expect(Date.parse(call.eta!) - Date.now()).toBeLessThan(1_000)
  expect(undelayedRoutingKey(delivery.routingKey)).toBe(delayed.name)
  await broker.deleteQueue(delayed.name)
  exchanges.push(delayed.name)
  await removeUnlessUsed(levels)
})

/** Python's names have no prefix: another program on this server may have messages in the levels. */
async function removeUnlessUsed({ queues = [], exchanges = [] }: Declaration): Promise<void> {
  const depths = await broker.depths(queues.map(({ name }) => name))
  if (depths.some(({ messages }) => messages > 0)) return
  broker.undeclare({ queues: queues.map(({ name }) => name), exchanges: exchanges.map(({ name }) => name) })
  await rabbit.remove({
    queues: queues.map(({ name }) => name),
    exchanges: exchanges.map(({ name }) => name),
  })
}
