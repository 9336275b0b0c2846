import { encodeEngineMessage } from '@celeriac/contracts'
import amqp from 'amqplib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { finalStates } from '../support/api-client.ts'
import { Platform } from '../support/platform.ts'

let platform: Platform
let connection: amqp.ChannelModel
let channel: amqp.ConfirmChannel

beforeAll(async () => {
  platform = await (await Platform.create('distributed')).start({ schedulers: 2, workers: 1 })
  connection = await amqp.connect(platform.amqpUrl)
  channel = await connection.createConfirmChannel()
})
afterAll(async () => {
  await connection?.close()
  await platform?.destroy()
})

const shapes: readonly (readonly [name: string, content: Buffer, options: amqp.Options.Publish])[] = [
  ['empty', Buffer.alloc(0), {}],
  ['binary', Buffer.from([0xff, 0xfe, 0x00, 0x80]), { contentType: 'application/octet-stream' }],
  ['not JSON', Buffer.from('{"task_id": '), { contentType: 'application/json' }],
  ['JSON of another shape', Buffer.from('{"hello": [1, 2, 3]}'), { contentType: 'application/json' }],
  [
    'pickle',
    Buffer.from('gASVCgAAAAAAAABdlCh9lH2UZS4=', 'base64'),
    { contentType: 'application/x-python-serialize', headers: { task: 't', id: 'i', lang: 'py' } },
  ],
  [
    'kwargs of another task',
    Buffer.from('[[], {"x": 1}, {}]'),
    {
      contentType: 'application/json',
      headers: { lang: 'py', task: 'celeriac.run_operator', id: 'x', retries: 0 },
    },
  ],
]

/** Takes what was parked so far. */
async function takeParked(): Promise<{ queue: string; reason: string }[]> {
  const parked: { queue: string; reason: string }[] = []
  for (;;) {
    const message = await channel.get(platform.topology.deadLetter, { noAck: true })
    if (message === false) return parked
    const headers = message.properties.headers ?? {}
    parked.push({ queue: String(headers['x-celeriac-queue']), reason: String(headers['x-celeriac-reason']) })
  }
}

test('a message of the wrong shape on any queue is parked with its reason, and the platform goes on', async () => {
  const { topology } = platform
  const queues = [
    topology.executorQueue('local'),
    ...Array.from({ length: 8 }, (_, partition) => topology.eventQueue(partition)),
    topology.undelivered,
  ]
  for (const queue of queues)
    for (const [, content, options] of shapes)
      channel.sendToQueue(queue, content, { persistent: true, ...options })
  // An engine event of the right type about the wrong partition or without a run.
  const { body, type } = encodeEngineMessage({ event: 'partition.probe', partition: 0, sender: 'x' }, '')
  channel.sendToQueue(topology.eventQueue(1), Buffer.from('{"event":"run.cancel"}'), { type: type! })
  channel.sendToQueue(topology.eventQueue(1), Buffer.from(body).subarray(0, 5), { type: type! })
  await channel.waitForConfirms()

  const parked: { queue: string; reason: string }[] = []
  // On an executor queue a readable task of an unknown name is answered, not parked; all else is parked.
  const expected = queues.length * shapes.length + 2
  await expect
    .poll(
      async () => {
        parked.push(...(await takeParked()))
        return parked.length
      },
      { timeout: 30_000, interval: 200 },
    )
    .toBe(expected)
  expect(new Set(parked.map(({ queue }) => queue))).toEqual(new Set(queues))
  for (const { reason } of parked) expect(reason).not.toMatch(/^(undefined|null|)$/)

  const document = JSON.stringify({
    name: 'after-garbage',
    dag: {
      operator_list: ['a'],
      operator_rels: {},
      operator_details: { a: { algo_name: 'algo_local_pass_through', params: {} } },
    },
  })
  for (let index = 0; index < 10; index++) {
    const { id } = await platform.api.submit(document)
    expect((await platform.api.waitFor(id, finalStates)).state).toBe('succeeded')
  }
})
