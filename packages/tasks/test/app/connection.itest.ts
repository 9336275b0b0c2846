import { createAmqpBroker } from '@celeriac/broker'
import { decodeControlMessage, encodeControlReply } from '@celeriac/contracts'
import type { Broker } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { TcpProxy, testAmqpUrl, useTestRabbit, type TestRabbit } from '@celeriac/testkit'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Celeriac, MemoryBackend, type CeleryEvent } from '../../src/index.ts'

let rabbit: TestRabbit
/** The other side: its connection is not cut. */
let broker: Broker
beforeAll(async () => {
  rabbit = await useTestRabbit()
  const { url, topology } = rabbit
  broker = createAmqpBroker({ url, topology, name: 'other side', logger: silentLogger() })
  await broker.start()
})
afterAll(async () => {
  await broker.stop()
  await rabbit.close()
})

/** An application whose connection can be cut. */
async function anApp() {
  const { proxy, url } = await TcpProxy.before(testAmqpUrl())
  const app = new Celeriac({
    broker: url,
    prefix: rabbit.topology.prefix,
    backend: new MemoryBackend(),
    publishTimeout: 30,
  })
  onTestFinished(async () => {
    await app.stop()
    await proxy.close()
  })
  return { app, proxy }
}

test('of calls that are made while the connection is cut again and again none is lost', async () => {
  const { app, proxy } = await anApp()
  const { celeryQueue } = rabbit.topology
  const made: string[] = []
  for (let round = 0; round < 10; round++) {
    const calls = Array.from({ length: 20 }, (_, index) => app.signature('tasks.any', { args: [index] }))
    const results = app.applyMany(calls)
    if (round > 0) proxy.cut()
    made.push(...(await results).map(({ id }) => id))
  }
  const arrived = new Set<string>()
  const consumer = await broker.consume({
    queue: celeryQueue,
    prefetch: 0,
    noAck: true,
    onDelivery: ({ correlationId = '' }) => arrived.add(correlationId),
  })
  await expect.poll(() => made.filter((id) => !arrived.has(id)), { timeout: 20_000 }).toEqual([])
  expect(arrived.size).toBe(made.length)
  await consumer.cancel()
})

test('remote control and events go on after the connection was lost', async () => {
  const { app, proxy } = await anApp()
  const { prefix, controlExchange, eventExchange } = rabbit.topology
  const methods: string[] = []
  const node = `${prefix}node.pidbox`
  await broker.declarePrivateQueue({ name: node, bindings: [{ exchange: controlExchange, routingKey: '' }] })
  await broker.consume({
    queue: node,
    prefetch: 0,
    noAck: true,
    onDelivery: (delivery) => {
      const { method, replyTo, ticket } = decodeControlMessage(delivery)
      methods.push(method)
      if (replyTo !== null) void broker.publish([encodeControlReply(replyTo, ticket, 'node', { ok: 'pong' })])
    },
  })
  const events: CeleryEvent[] = []
  const receiver = await app.events({ handlers: { '*': (event) => events.push(event) } })
  const ping = () => app.control.ping({ limit: 1, timeout: 1 }).catch(() => [])
  await expect.poll(ping, { timeout: 20_000 }).toEqual(['node'])
  const heartbeats = () => methods.filter((method) => method === 'heartbeat').length
  await expect.poll(heartbeats).toBe(1)

  proxy.refuse()
  proxy.cut()
  proxy.admit()

  await expect.poll(ping, { timeout: 30_000 }).toEqual(['node'])
  // Workers are asked anew: what they said in between was missed.
  await expect.poll(heartbeats, { timeout: 30_000 }).toBe(2)
  const event = { type: 'worker-online', hostname: 'node', timestamp: 1, clock: 1 }
  await broker.publish([
    {
      exchange: eventExchange,
      routingKey: 'worker.online',
      mandatory: false,
      contentType: 'application/json',
      body: Buffer.from(JSON.stringify(event)),
    },
  ])
  await expect.poll(() => events).toEqual([event])
  await receiver.stop()
})

test('an application that is stopped leaves no queue and no connection', async () => {
  const { app, proxy } = await anApp()
  await app.sendTask('tasks.any')
  await app.control.ping({ timeout: 0.05 })
  await app.stop()
  await app.stop()
  await expect.poll(() => proxy.connections).toBe(0)
  await broker.purge(rabbit.topology.celeryQueue)
  await app.sendTask('tasks.any')
  expect(await broker.purge(rabbit.topology.celeryQueue)).toBe(1)
})

test('without a broker the first call rejects, and the next one tries again', async () => {
  const { proxy, url } = await TcpProxy.before(testAmqpUrl())
  proxy.refuse()
  const app = new Celeriac({ broker: url, prefix: rabbit.topology.prefix, backend: new MemoryBackend() })
  onTestFinished(async () => {
    await app.stop()
    await proxy.close()
  })
  await expect(app.sendTask('tasks.any')).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
  proxy.admit()
  expect((await app.sendTask('tasks.any')).id).toMatch(/^[0-9a-f-]{36}$/)
})
