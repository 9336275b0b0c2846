import { decodeControlMessage } from '@celeriac/contracts'
import type { Delivery, JsonObject, JsonValue, PlainTask, PlanOperator } from '@celeriac/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EngineHarness, planOf, topology } from './engine-harness.ts'

const slow = { timeout: 10_000, interval: 20 }
const encoder = new TextEncoder()
let harness: EngineHarness

beforeEach(async () => {
  harness = await EngineHarness.create()
})
afterEach(() => harness.close())

const plain = (change: Partial<PlainTask> = {}, more: Partial<PlanOperator> = {}) =>
  planOf({ a: [], b: ['a'] }, (id) => ({
    algoName: '',
    executor: 'celery',
    inputs: [],
    task: { name: `tasks.${id}`, args: [id], kwargs: {}, queue: null, ...change },
    ...more,
  }))

/** A worker by hand: takes the messages of a queue, and answers as the test says. */
async function workerOf(queue = topology.celeryQueue) {
  const deliveries: Delivery[] = []
  await harness.client.consume({
    queue,
    prefetch: 0,
    noAck: true,
    onDelivery: (delivery) => void deliveries.push(delivery),
  })
  const publish = async (exchange: string, routingKey: string, body: JsonValue, headers: JsonObject = {}) => {
    const outcomes = await harness.client.publish([
      { exchange, routingKey, headers, body: encoder.encode(JSON.stringify(body)) },
    ])
    expect(outcomes).toEqual(['confirmed'])
  }
  return {
    /** Message number `index` of those that came. */
    async message(index: number): Promise<Delivery> {
      await expect.poll(() => deliveries.length, slow).toBeGreaterThan(index)
      return deliveries[index]!
    },
    count: () => deliveries.length,
    /** As the rpc backend does it. */
    result: ({ correlationId, replyTo }: Delivery, status: string, result: JsonValue) =>
      publish('', replyTo!, { task_id: correlationId!, status, result, traceback: null, children: [] }),
    /** As every backend's worker does it: what the message says is to be called. */
    async callback({ body, correlationId }: Delivery, kind: 'callbacks' | 'errbacks', value: JsonValue) {
      const [, , embed] = JSON.parse(new TextDecoder().decode(body)) as [
        unknown,
        unknown,
        Record<string, { task: string; kwargs: JsonObject; options: Record<string, string> }[]>,
      ]
      const { task, kwargs, options } = embed[kind]![0]!
      await publish(options['exchange']!, options['routing_key']!, [[value], kwargs, {}], {
        task,
        parent_id: correlationId!,
      })
    },
  }
}

test('a plain task ends by whichever answer comes first; the other one is a duplicate', async () => {
  await harness.startEngine('s1')
  const worker = await workerOf()
  const runId = await harness.submit(plain())
  const first = await worker.message(0)
  await worker.callback(first, 'callbacks', 'called')
  await worker.result(first, 'SUCCESS', 'resulted')
  const second = await worker.message(1)
  await worker.result(second, 'SUCCESS', 'resulted')
  await worker.callback(second, 'callbacks', 'called')
  const { tasks } = await harness.waitFor(runId, 'succeeded')
  expect(tasks.map(({ result, attempt }) => [result?.returned?.value, attempt])).toEqual([
    ['called', 1],
    ['resulted', 1],
  ])
  expect(worker.count()).toBe(2)
})

test("a retry of Celery's own goes on; a failure is tried again under a new id, and the old one counts no more", async () => {
  await harness.startEngine('s1')
  const worker = await workerOf()
  const retry = { max: 1, backoffMs: 1, backoffMaxMs: 1, jitter: false }
  const runId = await harness.submit(plain({}, { retry }))
  const first = await worker.message(0)
  await worker.result(first, 'STARTED', { pid: 1, hostname: 'celery@test' })
  await worker.result(first, 'RETRY', { exc_type: 'Retry', exc_message: [] })
  await worker.result(first, 'UPLOADING', { percent: 30 })
  await expect.poll(() => harness.states(runId), slow).toEqual({ a: 'running', b: 'pending' })
  await worker.callback(first, 'errbacks', first.correlationId!)
  const again = await worker.message(1)
  expect(again.correlationId).not.toBe(first.correlationId)
  await worker.result(first, 'SUCCESS', 'late')
  await worker.result(again, 'SUCCESS', 'in time')
  const last = await worker.message(2)
  await worker.result(last, 'SUCCESS', null)
  const { tasks } = await harness.waitFor(runId, 'succeeded')
  expect(tasks[0]).toMatchObject({ attempt: 2, result: { returned: { value: 'in time' } } })
  expect(await harness.store.listAttempts(runId)).toMatchObject([
    { attempt: 1, outcome: 'failed', worker: 'celery@test', error: { code: 'TASK_FAILED' } },
  ])
})

test('a queue that does not exist is made', async () => {
  await harness.startEngine('s1')
  const runId = await harness.submit(plain({ queue: 'made-by-the-engine' }))
  await expect
    .poll(() => harness.client.depths(['made-by-the-engine']), slow)
    .toMatchObject([{ messages: 1 }])
  const worker = await workerOf('made-by-the-engine')
  for (const index of [0, 1]) await worker.result(await worker.message(index), 'SUCCESS', index)
  await harness.waitFor(runId, 'succeeded')
})

test('a cancel tells every worker to drop the task, and an answer that comes later changes nothing', async () => {
  await harness.startEngine('s1')
  const revoked: JsonValue[] = []
  await harness.client.declarePrivateQueue({
    name: 'pidbox',
    bindings: [{ exchange: topology.controlExchange, routingKey: '' }],
  })
  await harness.client.consume({
    queue: 'pidbox',
    prefetch: 0,
    noAck: true,
    onDelivery: (delivery) => void revoked.push(decodeControlMessage(delivery).arguments),
  })
  const worker = await workerOf()
  const runId = await harness.submit(plain())
  const message = await worker.message(0)
  await harness.tell({ event: 'run.cancel', run_id: runId })
  await harness.waitFor(runId, 'cancelled')
  await expect
    .poll(() => revoked, slow)
    .toEqual([{ task_id: [message.correlationId], terminate: true, signal: 'SIGTERM' }])
  await worker.callback(message, 'callbacks', 'late')
  // The rerun comes behind it in the queue: by its time the late answer has been dealt with.
  await harness.tell({ event: 'run.rerun', run_id: runId, from: 'failed', only: false })
  const next = await worker.message(1)
  expect(next.correlationId).not.toBe(message.correlationId)
  expect(await harness.states(runId)).toMatchObject({ b: 'pending' })
})
