import { createAmqpBroker } from '@celeriac/broker'
import { encodeTaskMessage, predictTaskName } from '@celeriac/contracts'
import { silentLogger } from '@celeriac/runtime'
import { useTestRabbit, type TestRabbit } from '@celeriac/testkit'
import { fork } from 'node:child_process'
import path from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { typescript } from './plain/typescript-children.ts'

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
  return { child, said }
}

test('a worker that is killed in mid-request costs its callers nothing: another one answers', async () => {
  const { topology, url } = rabbit
  const broker = createAmqpBroker({ url, topology, name: 'test', logger: silentLogger() })
  await broker.start()
  onTestFinished(() => broker.stop())
  const replyTo = `${topology.prefix}answers`
  await broker.declarePrivateQueue({ name: replyTo, bindings: [] })
  const answers = new Map<string, unknown>()
  await broker.consume({
    queue: replyTo,
    prefetch: 0,
    noAck: true,
    onDelivery: ({ correlationId = '', body }) =>
      answers.set(correlationId, JSON.parse(Buffer.from(body).toString())),
  })
  const [held, free] = [startProcess({ WORKER_HOLDS: 'yes' }), startProcess()]
  await expect.poll(() => [held.said, free.said]).toEqual([['ready'], ['ready']])

  const queue = topology.executorQueue('predict')
  const ids = Array.from({ length: 40 }, (_, number) => `call-${number}`)
  const calls = ids.map((id, number) =>
    encodeTaskMessage(
      {
        id,
        task: predictTaskName,
        args: [],
        kwargs: { model_uri: 'file:///m/0', rows: [[number]], columns: null },
        rootId: id,
        parentId: null,
        replyTo,
        retries: 0,
        timelimit: [null, null],
        eta: null,
        expires: new Date(Date.now() + 60_000).toISOString(),
        origin: 'test',
        expirationMs: 60_000,
      },
      queue,
    ),
  )
  expect(new Set(await broker.publish(calls))).toEqual(new Set(['confirmed']))
  // It holds as many as its prefetch count lets it; the other one has answered all the rest.
  await expect.poll(() => answers.size).toBe(36)
  expect(held.said.filter((word) => word === 'taken')).toHaveLength(4)
  held.child.kill('SIGKILL')
  await expect.poll(() => answers.size).toBe(40)
  for (const [number, id] of ids.entries())
    expect(answers.get(id)).toMatchObject({
      status: 'SUCCESS',
      result: { predictions: [{ predict_result: number }] },
    })
})
