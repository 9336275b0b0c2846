import { createAmqpBroker } from '@celeriac/broker'
import {
  decodeResultMessage,
  encodeRevoke,
  encodeTaskMessage,
  operatorTaskMessage,
  type TaskEvent,
} from '@celeriac/contracts'
import type { Broker, Delivery, OperatorAttempt } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { useTestRabbit, type TestRabbit } from '@celeriac/testkit'
import { createConnection, createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { createTaskWorker, type TaskWorker, type TaskWorkerOptions } from '../../src/index.ts'
import { FakeExecutor } from './fake-executor.ts'
import { anAttempt } from './setup.ts'

let rabbit: TestRabbit
beforeAll(async () => {
  rabbit = await useTestRabbit()
  // Declares the topology once, for tests that look before a worker connects.
  const broker = await connect()
  await broker.stop()
})
// Before each test: what a failed one hands back comes after its `afterEach`.
beforeEach(() => rabbit.purge())
afterAll(() => rabbit.close())

const slow = { timeout: 15_000 }

async function connect(url = rabbit.url): Promise<Broker> {
  const broker = createAmqpBroker({
    url,
    topology: rabbit.topology,
    name: 'test',
    logger: silentLogger(),
    reconnect: { minMs: 20, maxMs: 100 },
  })
  await broker.start()
  return broker
}

/** A proxy before RabbitMQ whose connections can be cut. */
async function aProxy(): Promise<{ readonly url: string; cut(): void }> {
  const target = new URL(rabbit.url)
  const { hostname, port } = target
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = createConnection(Number(port || 5672), hostname)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        near.destroy()
        far.destroy()
        sockets.delete(socket)
      })
    }
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  onTestFinished(() => {
    cut()
    server.close()
  })
  target.hostname = '127.0.0.1'
  target.port = String((server.address() as AddressInfo).port)
  return { url: target.href, cut }
}

async function setup(options: Partial<TaskWorkerOptions> & { readonly url?: string } = {}) {
  const { topology } = rabbit
  const client = await connect()
  const broker = await connect(options.url)
  const queue = topology.executorQueue('local')
  const replyTo = topology.eventQueue(0)
  const heard: TaskEvent[] = []
  const parked: Delivery[] = []
  const states: string[] = []
  broker.onState((state) => states.push(state))
  await client.consume({
    queue: replyTo,
    prefetch: 0,
    noAck: true,
    onDelivery: (delivery) => heard.push(decodeResultMessage(delivery)),
  })
  await client.consume({
    queue: topology.deadLetter,
    prefetch: 0,
    noAck: true,
    onDelivery: (one) => parked.push(one),
  })
  const executor = new FakeExecutor()
  const worker: TaskWorker = createTaskWorker({
    broker,
    topology,
    executors: new Map([[queue, executor]]),
    concurrency: 4,
    nodeName: `w-${Math.random().toString(36).slice(2)}@test`,
    logger: silentLogger(),
    ...options,
  })
  onTestFinished(async () => {
    await worker.abort()
    await broker.stop()
    await client.stop()
  })
  await worker.start()
  const send = async (...attempts: readonly OperatorAttempt[]): Promise<void> => {
    const messages = attempts.map((attempt) =>
      encodeTaskMessage(operatorTaskMessage(attempt, { replyTo, origin: 'test' }), queue),
    )
    expect(new Set(await client.publish(messages))).toEqual(new Set(['confirmed']))
  }
  const outcomes = (): string[] =>
    heard
      .filter(({ event }) => event.status !== 'STARTED')
      .map(({ taskId, event }) => `${taskId} ${event.status}`)
  return { topology, client, broker, queue, executor, worker, send, heard, outcomes, parked, states }
}

test('five hundred tasks are executed, answered and acked once each', async () => {
  const { executor, send, outcomes, worker, client, queue } = await setup({ concurrency: 32 })
  executor.isInstant = true
  const attempts = Array.from({ length: 500 }, () => anAttempt())
  await send(...attempts)
  await expect.poll(() => outcomes().length, slow).toBe(500)
  expect(new Set(outcomes())).toEqual(new Set(attempts.map(({ attemptId }) => `${attemptId} SUCCESS`)))
  await worker.stop()
  expect((await client.depths([queue]))[0]?.messages).toBe(0)
})

test('a task that outlasts 20 ms is heard of before it ends', async () => {
  const { executor, send, heard, worker } = await setup()
  const attempt = anAttempt()
  await send(attempt)
  await expect.poll(() => executor.runs, slow).toHaveLength(1)
  executor.runs[0]?.listener.onStarted()
  await expect
    .poll(() => heard, slow)
    .toMatchObject([{ taskId: attempt.attemptId, event: { status: 'STARTED', worker: worker.nodeName } }])
})

test('work in flight survives a cut connection: it is not run twice, and its result arrives', async () => {
  const proxy = await aProxy()
  const { executor, send, outcomes, client, queue, worker, states } = await setup({
    url: proxy.url,
    concurrency: 2,
  })
  const attempts = Array.from({ length: 6 }, () => anAttempt())
  await send(...attempts)
  await expect.poll(() => executor.runs, slow).toHaveLength(2)
  proxy.cut()
  await expect.poll(() => states.at(-1), slow).toBe('open')
  // The broker delivers all of it again: the two that run are recognised, the reserved ones come anew.
  await expect
    .poll(async () => (await client.depths([queue]))[0], slow)
    .toMatchObject({ messages: 2, consumers: 1 })
  expect(executor.runs).toHaveLength(2)
  for (const [index, { attemptId }] of attempts.entries()) {
    await expect.poll(() => executor.runs.length, slow).toBeGreaterThan(index)
    executor.finish(executor.running[index] ?? attemptId)
  }
  await expect.poll(() => new Set(outcomes()).size, slow).toBe(6)
  await worker.stop()
  expect(new Set(executor.running).size).toBe(6)
  expect(executor.runs).toHaveLength(6)
  expect((await client.depths([queue]))[0]?.messages).toBe(0)
})

test('a result that is due while the connection is down is told when it is back', async () => {
  const proxy = await aProxy()
  const { executor, send, outcomes, broker } = await setup({ url: proxy.url })
  const attempt = anAttempt()
  await send(attempt)
  await expect.poll(() => executor.runs, slow).toHaveLength(1)
  proxy.cut()
  executor.finish(attempt.attemptId)
  await expect.poll(outcomes, slow).toContain(`${attempt.attemptId} SUCCESS`)
  expect(executor.runs).toHaveLength(1)
  expect(broker.state).toBe('open')
})

test('a malformed message is parked, and its sender told', async () => {
  const { client, queue, parked, outcomes, topology } = await setup()
  await client.publish([
    {
      exchange: '',
      routingKey: queue,
      body: Buffer.from('{'),
      contentType: 'application/json',
      correlationId: 'broken',
      replyTo: topology.eventQueue(0),
      headers: { lang: 'py', task: 'celeriac.run_operator', id: 'broken' },
    },
  ])
  await expect.poll(() => parked, slow).toHaveLength(1)
  expect(parked[0]?.headers).toMatchObject({ 'x-celeriac-reason': 'BROKER_MESSAGE_MALFORMED' })
  await expect.poll(outcomes, slow).toEqual(['broken FAILURE'])
})

test('revoke reaches the worker over the control exchange', async () => {
  const { client, executor, send, outcomes, topology } = await setup()
  const attempt = anAttempt()
  await send(attempt)
  await expect.poll(() => executor.runs, slow).toHaveLength(1)
  await client.publish([encodeRevoke(topology.controlExchange, [attempt.attemptId])])
  await expect.poll(outcomes, slow).toEqual([`${attempt.attemptId} REVOKED`])
})

test('what an aborted worker had goes to another one', async () => {
  const first = await setup({ concurrency: 2 })
  const attempts = Array.from({ length: 5 }, () => anAttempt())
  await first.send(...attempts)
  await expect.poll(() => first.executor.runs, slow).toHaveLength(2)
  await first.worker.abort()
  const second = await setup()
  second.executor.isInstant = true
  for (const run of second.executor.runs) second.executor.finish(run.attempt.attemptId)
  await expect.poll(() => new Set([...first.outcomes(), ...second.outcomes()]).size, slow).toBe(5)
})

test('a result whose event queue was deleted arrives in the one that is declared again', async () => {
  const { client, queue, executor, topology } = await setup()
  const replyTo = topology.eventQueue(3)
  const attempt = anAttempt()
  await client.publish([encodeTaskMessage(operatorTaskMessage(attempt, { replyTo, origin: 'test' }), queue)])
  await expect.poll(() => executor.runs, slow).toHaveLength(1)
  await rabbit.remove({ queues: [replyTo], exchanges: [] })
  executor.finish(attempt.attemptId)
  await expect.poll(async () => (await client.depths([replyTo]))[0]?.messages, slow).toBe(1)
})

test('a long attempt leaves nothing at the broker that a lost connection could bring back', async () => {
  const proxy = await aProxy()
  const { executor, send, heard, outcomes, client, queue, states, worker } = await setup({
    url: proxy.url,
    concurrency: 1,
    prefetchSurplus: 2,
    handOverAfterMs: 200,
  })
  const attempts = Array.from({ length: 4 }, () => anAttempt())
  await send(...attempts)
  await expect.poll(() => executor.runs, slow).toHaveLength(1)
  await expect
    .poll(() => heard.map(({ event }) => event), slow)
    .toContainEqual(expect.objectContaining({ status: 'STARTED', isLeased: true }))
  // Its slot is taken: what was reserved is for others, and nothing more is asked for.
  const depth = async (): Promise<unknown> => (await client.depths([queue]))[0]
  await expect.poll(depth, slow).toMatchObject({ messages: 3, consumers: 0 })
  states.length = 0
  proxy.cut()
  await expect.poll(() => states.at(-1), slow).toBe('open')
  expect(await depth()).toMatchObject({ messages: 3, consumers: 0 })
  for (const [index, { attemptId }] of attempts.entries()) {
    await expect.poll(() => executor.runs.length, slow).toBe(index + 1)
    executor.finish(executor.running[index] ?? attemptId)
  }
  await expect.poll(() => new Set(outcomes()).size, slow).toBe(4)
  await worker.stop()
  expect(executor.runs).toHaveLength(4)
  expect(await depth()).toMatchObject({ messages: 0 })
})
