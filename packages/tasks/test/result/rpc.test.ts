import { buildTopology, createMemoryBroker, createMemoryServer } from '@celeriac/broker'
import type { Broker, OutgoingMessage } from '@celeriac/core'
import { silentLogger, systemClock } from '@celeriac/runtime'
import { decodeMeta, encodeMeta, RpcBackend, type RpcBackendOptions, type TaskMeta } from '@celeriac/tasks'
import { exerciseResultBackend } from '@celeriac/testkit'
import { expect, onTestFinished, test } from 'vitest'

/** A backend whose broker stops with it. */
class OwnBrokerBackend extends RpcBackend {
  readonly #broker: Broker

  constructor(options: RpcBackendOptions) {
    super(options)
    this.#broker = options.broker
  }

  override async start(): Promise<void> {
    await this.#broker.start()
    await super.start()
  }

  override async stop(): Promise<void> {
    await super.stop()
    await this.#broker.stop()
  }
}

exerciseResultBackend('rpc over the memory broker', { hasChords: false }, async () => {
  const server = createMemoryServer({ topology: buildTopology(), clock: systemClock })
  const create = (retention = {}): RpcBackend =>
    new OwnBrokerBackend({ ...retention, broker: createMemoryBroker({ server }) })
  return {
    connect: async (retention) => {
      const backend = create(retention)
      await backend.start()
      return backend
    },
    create,
    close: async () => undefined,
  }
})

const meta = (taskId: string, over: Partial<TaskMeta> = {}): TaskMeta => ({
  task_id: taskId,
  status: 'SUCCESS',
  result: 4,
  traceback: null,
  children: [],
  date_done: null,
  ...over,
})

async function setup(over: Partial<RpcBackendOptions> = {}) {
  const server = createMemoryServer({ topology: buildTopology(), clock: systemClock })
  const broker = createMemoryBroker({ server })
  await broker.start()
  onTestFinished(() => broker.stop())
  const backend = new RpcBackend({ broker, logger: silentLogger(), ...over })
  await backend.start()
  onTestFinished(() => backend.stop())
  const send = (body: string, more: Partial<OutgoingMessage> = {}) =>
    broker.publish([
      {
        exchange: '',
        routingKey: backend.replyTo,
        contentType: 'application/json',
        body: new TextEncoder().encode(body),
        ...more,
      },
    ])
  return { broker, backend, send }
}

test("a result is Celery's message: JSON to the queue of the caller, with the task's id as correlation id", async () => {
  const { broker, backend } = await setup()
  const sent: OutgoingMessage[] = []
  const listening: Broker = Object.create(broker, {
    publish: {
      value: (messages: readonly OutgoingMessage[]) => {
        sent.push(...messages)
        return broker.publish(messages)
      },
    },
  }) as Broker
  const worker = new RpcBackend({ broker: listening })
  await worker.store([
    { meta: meta('t1'), replyTo: backend.replyTo },
    { meta: meta('t2'), replyTo: null },
  ])
  expect(sent).toEqual([
    {
      exchange: '',
      routingKey: backend.replyTo,
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      persistent: true,
      priority: 0,
      correlationId: 't1',
      body: expect.any(Uint8Array) as Uint8Array,
    },
  ])
  expect(decodeMeta(new TextDecoder().decode(sent[0]?.body))).toEqual(meta('t1'))
})

test('a result for a caller that is gone is dropped, one that was not confirmed is an error', async () => {
  const { broker } = await setup()
  const backend = new RpcBackend({ broker })
  await backend.store([{ meta: meta('t'), replyTo: 'nobody' }])
  for (const outcome of ['unknown', 'rejected'] as const) {
    const refusing = Object.create(broker, { publish: { value: async () => [outcome] } }) as Broker
    await expect(
      new RpcBackend({ broker: refusing }).store([{ meta: meta('t'), replyTo: 'q' }]),
    ).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
  }
})

test('what is no result is dropped, and what follows is read', async () => {
  const { backend, send } = await setup()
  await send('{"status":')
  await send('{"status":"SUCCESS"}')
  await send(encodeMeta(meta('pickled')), { contentType: 'application/x-python-serialize' })
  await send(encodeMeta(meta('good')))
  await expect.poll(async () => [...(await backend.find(['pickled', 'good'])).keys()]).toEqual(['good'])
})

test('of more results than can be kept the least recently used go first', async () => {
  const { backend, send } = await setup({ maxMetas: 2 })
  const keysOf = async () => [...(await backend.find(['a', 'b', 'c'])).keys()]
  await send(encodeMeta(meta('a')))
  await send(encodeMeta(meta('b')))
  await expect.poll(keysOf).toEqual(['a', 'b'])
  await backend.find(['a'])
  await send(encodeMeta(meta('c')))
  await expect.poll(async () => (await backend.find(['c'])).size).toBe(1)
  expect(await keysOf()).toEqual(['a', 'c'])
})

test('results are kept up to a number of bytes', async () => {
  const { backend, send } = await setup({ maxBytes: 2_500 })
  const large = (taskId: string): string => encodeMeta(meta(taskId, { result: 'x'.repeat(1_000) }))
  for (const taskId of ['a', 'b', 'c']) await send(large(taskId))
  await expect.poll(async () => [...(await backend.find(['a', 'b', 'c'])).keys()]).toEqual(['b', 'c'])
})
