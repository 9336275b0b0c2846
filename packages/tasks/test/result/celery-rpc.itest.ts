/** `rpc://` between Python Celery and this package, in both directions. */
import { randomUUID } from 'node:crypto'
import { createAmqpBroker } from '@celeriac/broker'
import type { Broker, Delivery } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Decimal, exceptionOf, RpcBackend, toTaskError, type TaskMeta } from '../../src/index.ts'
import { aMeta, startCeleryPeer, type CeleryPeer } from './celery-peer.ts'

let peer: CeleryPeer
let broker: Broker
beforeAll(async () => {
  peer = await startCeleryPeer()
  const { url, topology } = peer.rabbit
  broker = createAmqpBroker({ name: 'test', url, topology, logger: silentLogger() })
  await broker.start()
})
afterAll(async () => {
  await broker?.stop()
  await peer?.close()
})

async function anRpcBackend(): Promise<RpcBackend> {
  const rpc = new RpcBackend({ broker, queue: `${peer.rabbit.topology.prefix}reply-${randomUUID()}` })
  await rpc.start()
  onTestFinished(() => rpc.stop())
  return rpc
}

test('an rpc client of Celery gets the answer of a worker of ours', async () => {
  const queue = `${peer.rabbit.topology.prefix}tasks-${randomUUID()}`
  await broker.declare({ queues: [{ name: queue, type: 'classic' }] })
  onTestFinished(() => broker.deleteQueue(queue))
  const taskId = await peer.python.ask<string>('call', { queue })
  const deliveries: Delivery[] = []
  const consumer = await broker.consume({
    queue,
    prefetch: 1,
    onDelivery: (delivery) => {
      deliveries.push(delivery)
      delivery.ack()
    },
  })
  await expect.poll(() => deliveries.length, { timeout: 10_000 }).toBe(1)
  await consumer.cancel()
  const rpc = await anRpcBackend()
  const replyTo = deliveries[0]?.replyTo ?? null
  const answered = aMeta({ task_id: taskId, result: { sum: 4 } })
  const started = aMeta({
    task_id: taskId,
    status: 'STARTED',
    result: { pid: 1, hostname: 'w' },
    date_done: null,
  })
  await rpc.store([started, answered].map((each) => ({ meta: each, replyTo })))
  expect(await peer.python.ask('get', { task_id: taskId })).toEqual({
    state: 'SUCCESS',
    traceback: null,
    value: { sum: 4 },
  })
})

test('an rpc client of ours gets the answers of a worker of Celery', async () => {
  const rpc = await anRpcBackend()
  const [good, bad] = [randomUUID(), randomUUID()]
  const metas: TaskMeta[] = []
  await rpc.watch([good, bad], (each) => metas.push(each))
  await peer.python.ask('store', {
    task_id: good,
    state: 'STARTED',
    result: { pid: 1, hostname: 'w' },
    reply_to: rpc.replyTo,
  })
  await peer.python.ask('store', { task_id: good, state: 'SUCCESS', value: 'decimal', reply_to: rpc.replyTo })
  await peer.python.ask('store', {
    task_id: bad,
    state: 'FAILURE',
    error: 'ShopError',
    reply_to: rpc.replyTo,
  })
  await expect
    .poll(() => metas.map(({ status }) => status), { timeout: 10_000 })
    .toEqual(['STARTED', 'SUCCESS', 'FAILURE'])
  expect(metas[1]).toMatchObject({ result: Decimal.parse('1.50'), name: 'tasks.add', worker: 'python@host' })
  expect(toTaskError(exceptionOf(metas[2]!), metas[2]!.traceback)).toMatchObject({
    excType: 'ShopError',
    args: ['no tea'],
  })
})
