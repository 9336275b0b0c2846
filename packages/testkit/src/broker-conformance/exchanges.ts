import { expect, test } from 'vitest'
import type { Broker } from '@celeriac/core'
import {
  bytes,
  collect,
  takeAll,
  textsOf,
  toQueue,
  type BrokerTest,
  type Collector,
} from './broker-fixture.ts'

export function exerciseExchanges(use: () => BrokerTest): void {
  const privateQueue = async (
    broker: Broker,
    name: string,
    exchange: string,
    routingKeys: readonly string[],
  ): Promise<Collector> => {
    await broker.declarePrivateQueue({
      name,
      bindings: routingKeys.map((routingKey) => ({ exchange, routingKey })),
    })
    return collect(broker, name, { noAck: true })
  }

  test('a topic exchange matches * with one word and # with any number', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const { prefix, eventExchange: exchange } = topology
    const patterns = {
      all: '#',
      worker: 'worker.*',
      deep: 'worker.#',
      end: '#.end',
      middle: 'a.#.b',
      exact: 'task.sent',
    }
    const collectors: Record<string, Collector> = {}
    for (const [name, pattern] of Object.entries(patterns))
      collectors[name] = await privateQueue(broker, `${prefix}topic.${name}`, exchange, [pattern])
    const keys = [
      'worker',
      'worker.online',
      'worker.a.b',
      'task.sent',
      'end',
      'x.y.end',
      'a.b',
      'a.x.y.b',
      'ab',
    ]
    const outcomes = await broker.publish(
      keys.map((routingKey) => ({ exchange, routingKey, body: bytes(routingKey) })),
    )
    expect(new Set(outcomes)).toEqual(new Set(['confirmed']))
    await collectors['all']!.first(keys.length)
    const received = async (name: string, count: number): Promise<string[]> =>
      textsOf(await collectors[name]!.first(count))
    expect(await received('all', keys.length)).toEqual(keys)
    expect(await received('worker', 1)).toEqual(['worker.online'])
    expect(await received('deep', 3)).toEqual(['worker', 'worker.online', 'worker.a.b'])
    expect(await received('end', 2)).toEqual(['end', 'x.y.end'])
    expect(await received('middle', 2)).toEqual(['a.b', 'a.x.y.b'])
    expect(await received('exact', 1)).toEqual(['task.sent'])
  })

  test('a fanout exchange gives every queue its copy, a direct one goes by the key', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const { prefix, controlExchange, controlReplyExchange } = topology
    const one = await privateQueue(broker, `${prefix}one`, controlExchange, [''])
    const two = await privateQueue(await connect(), `${prefix}two`, controlExchange, ['ignored', ''])
    const reply = await privateQueue(broker, `${prefix}reply`, controlReplyExchange, ['mine'])
    await broker.publish([
      { exchange: controlExchange, routingKey: 'any', body: bytes('to all') },
      { exchange: controlReplyExchange, routingKey: 'mine', body: bytes('to me') },
    ])
    const elsewhere = { exchange: controlReplyExchange, routingKey: 'other', body: bytes('x') }
    expect(await broker.publish([elsewhere, { ...elsewhere, mandatory: false }])).toEqual([
      'unroutable',
      'confirmed',
    ])
    expect(textsOf(await one.first(1))).toEqual(['to all'])
    expect(textsOf(await two.first(1))).toEqual(['to all'])
    expect(textsOf(await reply.first(1))).toEqual(['to me'])
  })

  test('the direct exchange of plain tasks leads to their queue', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const { celeryQueue } = topology
    await broker.publish([{ exchange: celeryQueue, routingKey: celeryQueue, body: bytes('task') }])
    expect(textsOf(await takeAll(broker, celeryQueue, 1))).toEqual(['task'])
  })

  test('a private queue can be declared again, is closed to other connections, and goes with its own', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const other = await connect()
    const name = `${topology.prefix}mine`
    await broker.declarePrivateQueue({ name, bindings: [] })
    await broker.declarePrivateQueue({ name, bindings: [] })
    expect(await other.publish([toQueue(name, 'hello')])).toEqual(['confirmed'])
    const refusal = { code: 'BROKER_UNAVAILABLE', details: { queue: name } }
    await expect(other.declarePrivateQueue({ name, bindings: [] })).rejects.toMatchObject(refusal)
    await expect(collect(other, name)).rejects.toMatchObject(refusal)
    expect(textsOf(await takeAll(broker, name, 1))).toEqual(['hello'])
    await broker.stop()
    await expect.poll(() => other.publish([toQueue(name, 'anyone?')])).toEqual(['unroutable'])
  })

  test('messages of a private queue with a time to live expire', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const name = `${topology.prefix}short-lived`
    await broker.declarePrivateQueue({ name, bindings: [], messageTtlMs: 20 })
    await broker.publish([toQueue(name, 'soon gone')])
    await expect.poll(async () => (await broker.depths([name]))[0]?.messages).toBe(0)
    const collector = await collect(broker, name)
    await broker.publish([toQueue(name, 'in time')])
    expect(textsOf(await collector.first(1))).toEqual(['in time'])
  })
}
