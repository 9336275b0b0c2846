import { createAmqpBroker } from '@celeriac/broker'
import { silentLogger } from '@celeriac/runtime'
import { RpcBackend, type ResultBackend, type ResultRetention, type TaskMeta } from '@celeriac/tasks'
import {
  exerciseResultBackend,
  TcpProxy,
  testAmqpUrl,
  useTestRabbit,
  type TestRabbit,
} from '@celeriac/testkit'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'

let rabbit: TestRabbit
beforeAll(async () => {
  rabbit = await useTestRabbit()
})
afterAll(() => rabbit.close())

exerciseResultBackend('rpc over RabbitMQ', { hasChords: false }, async () => {
  const own = await useTestRabbit()
  const { url, topology } = own
  const broker = createAmqpBroker({ name: 'test', url, topology, logger: silentLogger() })
  await broker.start()
  const create = (retention: ResultRetention = {}): ResultBackend =>
    new RpcBackend({ ...retention, broker, queue: `${topology.prefix}reply-${crypto.randomUUID()}` })
  return {
    connect: async (retention) => {
      const backend = create(retention)
      await backend.start()
      return backend
    },
    create,
    close: async () => {
      await broker.stop()
      await own.close()
    },
  }
})

const meta = (taskId: string, result: number): TaskMeta => ({
  task_id: taskId,
  status: 'SUCCESS',
  result,
  traceback: null,
  children: [],
  date_done: null,
})

async function aBackend(url = testAmqpUrl()): Promise<RpcBackend> {
  const broker = createAmqpBroker({ name: 'test', url, topology: rabbit.topology, logger: silentLogger() })
  await broker.start()
  const backend = new RpcBackend({ broker, queue: `test-${crypto.randomUUID()}` })
  await backend.start()
  onTestFinished(async () => {
    await backend.stop()
    await broker.stop()
  })
  return backend
}

const queueExists = async (queue: string): Promise<boolean> => {
  const channel = await rabbit.connection.createChannel()
  channel.on('error', () => undefined)
  return channel.checkQueue(queue).then(
    () => channel.close().then(() => true),
    () => false,
  )
}

test('the reply queue is durable, shared by connections, and goes with the backend', async () => {
  const backend = await aBackend()
  const channel = await rabbit.connection.createChannel()
  // Refused (406) with any other arguments, and (405) if it were exclusive.
  await channel.assertQueue(backend.replyTo, { durable: true, arguments: { 'x-expires': 86_400_000 } })
  await channel.close()
  await backend.stop()
  expect(await queueExists(backend.replyTo)).toBe(false)
})

test('results that come while the caller has no connection arrive when it has one again', async () => {
  const { proxy, url } = await TcpProxy.before(testAmqpUrl())
  onTestFinished(() => proxy.close())
  const [caller, worker] = [await aBackend(url), await aBackend()]
  const heard: unknown[] = []
  await caller.watch(['t1', 't2'], ({ result }) => heard.push(result))
  await worker.store([{ meta: meta('t1', 1), replyTo: caller.replyTo }])
  await expect.poll(() => heard, { timeout: 10_000 }).toEqual([1])
  proxy.refuse()
  proxy.cut()
  await worker.store([{ meta: meta('t2', 2), replyTo: caller.replyTo }])
  proxy.admit()
  await expect.poll(() => heard, { timeout: 30_000 }).toEqual([1, 2])
})

test('a thousand results with the connection of the caller cut ten times are all heard, each once', async () => {
  const { proxy, url } = await TcpProxy.before(testAmqpUrl())
  onTestFinished(() => proxy.close())
  const [caller, worker] = [await aBackend(url), await aBackend()]
  const taskIds = Array.from({ length: 1_000 }, (_, index) => `t${index}`)
  const heard: string[] = []
  await caller.watch(taskIds, ({ task_id }) => heard.push(task_id))
  for (let round = 0; round < 10; round++) {
    const replyTo = caller.replyTo
    await worker.store(
      taskIds.slice(round * 100, round * 100 + 100).map((id) => ({ meta: meta(id, 1), replyTo })),
    )
    proxy.cut()
  }
  await expect.poll(() => heard.length, { timeout: 60_000, interval: 50 }).toBe(1_000)
  expect(new Set(heard).size).toBe(1_000)
})
