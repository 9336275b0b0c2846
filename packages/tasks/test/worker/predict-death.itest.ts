import { createAmqpBroker } from '@celeriac/broker'
import { encodeTaskMessage, predictTaskName, type TaskMessage } from '@celeriac/contracts'
import type { JsonValue, OutgoingMessage } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { useTestRabbit, type TestRabbit } from '@celeriac/testkit'
import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { typescript, untilReady } from './plain/typescript-children.ts'

let rabbit: TestRabbit
beforeAll(async () => {
  rabbit = await useTestRabbit()
})
afterAll(() => rabbit.close())

function startProcess(settings: Readonly<Record<string, string>> = {}) {
  const child = fork(path.join(import.meta.dirname, 'predict-worker-program.ts'), {
    ...typescript,
    env: {
      ...process.env,
      WORKER_AMQP_URL: rabbit.url,
      WORKER_PREFIX: rabbit.topology.prefix,
      ...settings,
    },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const said: unknown[] = []
  child.on('message', (message) => said.push(message))
  return { child, said, isReady: untilReady(child) }
}

/** A client that calls without a middleman, and hears the answers. */
async function aClient() {
  const { topology, url } = rabbit
  const broker = createAmqpBroker({ url, topology, name: 'test', logger: silentLogger() })
  await broker.start()
  onTestFinished(() => broker.stop())
  const replyTo = `${topology.prefix}answers.${randomUUID()}`
  await broker.declarePrivateQueue({ name: replyTo, bindings: [] })
  const answers = new Map<string, unknown>()
  await broker.consume({
    queue: replyTo,
    prefetch: 0,
    noAck: true,
    onDelivery: ({ correlationId = '', body }) =>
      answers.set(correlationId, JSON.parse(Buffer.from(body).toString())),
  })
  const queue = topology.executorQueue('predict')
  const call = (id: string, rows: JsonValue, deadline: Partial<TaskMessage> = {}): OutgoingMessage =>
    encodeTaskMessage(
      {
        id,
        task: predictTaskName,
        args: [],
        kwargs: { model_uri: 'file:///m/0', rows, columns: null },
        rootId: id,
        parentId: null,
        replyTo,
        retries: 0,
        timelimit: [null, null],
        eta: null,
        expires: null,
        origin: 'test',
        ...deadline,
      },
      queue,
    )
  return { broker, queue, answers, call }
}

test('a worker that is killed in mid-request costs its callers nothing: another one answers', async () => {
  const { broker, answers, call } = await aClient()
  const [held, free] = [startProcess({ WORKER_HOLDS: 'yes' }), startProcess()]
  await Promise.all([held.isReady, free.isReady])
  expect([held.said, free.said]).toEqual([['ready'], ['ready']])

  const ids = Array.from({ length: 40 }, (_, number) => `call-${number}`)
  const deadline = { expires: new Date(Date.now() + 60_000).toISOString(), expirationMs: 60_000 }
  const calls = ids.map((id, number) => call(id, [[number]], deadline))
  expect(new Set(await broker.publish(calls))).toEqual(new Set(['confirmed']))
  // It holds as many as its prefetch count lets it; the other one has answered all the rest.
  await expect.poll(() => answers.size).toBe(36)
  await expect.poll(() => held.said.filter((word) => word === 'taken')).toHaveLength(4)
  held.child.kill('SIGKILL')
  await expect.poll(() => answers.size).toBe(40)
  for (const [number, id] of ids.entries())
    expect(answers.get(id)).toMatchObject({
      status: 'SUCCESS',
      result: { predictions: [{ predict_result: number }] },
    })
})

test('rows that end every worker which scores them end three, and are answered by the next; what comes after is scored', async () => {
  const { broker, queue, answers, call } = await aClient()
  const workers = [startProcess(), startProcess(), startProcess(), startProcess()]
  await Promise.all(workers.map(({ isReady }) => isReady))
  // In time for longer than any machine takes: nothing but the count ends it.
  const deadline = { expires: new Date(Date.now() + 500_000).toISOString() }
  expect(await broker.publish([call('deadly', [['crash']], deadline)])).toEqual(['confirmed'])
  await expect.poll(() => [...answers.keys()]).toEqual(['deadly'])
  expect(answers.get('deadly')).toMatchObject({
    status: 'FAILURE',
    result: { code: 'TASK_PROCESS_DIED', details: { workers: 3 } },
  })
  expect(await broker.publish([call('beside', [[7]], deadline)])).toEqual(['confirmed'])
  await expect.poll(() => answers.get('beside')).toMatchObject({ status: 'SUCCESS' })
  expect(workers.filter(({ child }) => child.signalCode === 'SIGKILL')).toHaveLength(3)
  expect(workers.map(({ said }) => said.filter((word) => word === 'taken').length)).toEqual([1, 1, 1, 1])
  await expect.poll(() => broker.depths([queue])).toMatchObject([{ messages: 0 }])
})
