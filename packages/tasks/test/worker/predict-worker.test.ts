import {
  encodeModelChanged,
  encodeModelsRouted,
  encodeTaskMessage,
  predictTaskName,
  wantsModels,
  type TaskMessage,
} from '@celeriac/contracts'
import { AppError, type JsonObject } from '@celeriac/core'
import { silentLogger, systemClock } from '@celeriac/runtime'
import { expect, test } from 'vitest'
import type { Predict, PredictAnswer, PredictRuntime } from '../../src/index.ts'
import { PredictWorker } from '../../src/worker/predict-worker.ts'
import { FakeExecutor } from './fake-executor.ts'
import { setup, withPublish } from './setup.ts'

async function setupPredictions(predict: Predict, more: Partial<PredictRuntime> = {}) {
  const context = await setup()
  const queue = context.topology.executorQueue('predict')
  const runtime = Object.assign(new FakeExecutor(), { predict, ...more })
  const worker = await context.startWorker({
    executors: new Map(),
    predict: { queue, runtime, prefetch: 8 },
  })
  const call = async (kwargs: JsonObject, overrides: Partial<TaskMessage> = {}): Promise<void> => {
    const message = {
      id: 'call-1',
      task: predictTaskName,
      args: [],
      kwargs,
      rootId: 'call-1',
      parentId: null,
      replyTo: context.replyTo,
      retries: 0,
      timelimit: [null, null] as const,
      eta: null,
      expires: new Date(Date.now() + 60_000).toISOString(),
      origin: 'test',
      ...overrides,
    }
    await context.client.publish([encodeTaskMessage(message, queue)])
  }
  const depth = async (): Promise<number> => (await context.client.depths([queue]))[0]?.messages ?? 0
  return { ...context, queue, runtime, worker, call, depth }
}

const anAnswer = (predictions: readonly object[] = []): PredictAnswer => ({
  predictions,
  model: { name: 'm' },
  runtime: 'native',
  timing: { queueMs: 0.123_456, computeMs: 2, batchRows: 3 },
})

const rows = { model_uri: 'file:///m/0', rows: [{ x: 1 }], columns: null }

test('a call is answered with the predictions', async () => {
  const asked: unknown[] = []
  const { call, heard, runtime } = await setupPredictions((request) => {
    asked.push(request)
    return Promise.resolve(anAnswer([{ predict_result: 1 }]))
  })
  await call(rows)
  await expect
    .poll(() => heard)
    .toMatchObject([
      {
        taskId: 'call-1',
        status: 'SUCCESS',
        result: {
          predictions: [{ predict_result: 1 }],
          model: { name: 'm' },
          runtime: 'native',
          timing: { queue_ms: 0.123, compute_ms: 2, batch_rows: 3 },
        },
      },
    ])
  expect(asked).toMatchObject([{ modelUri: 'file:///m/0', rows: [{ x: 1 }], deadlineAt: expect.any(Number) }])
  expect(runtime.starts).toBe(1)
})

test('an error is answered with its code and details', async () => {
  const { call, heard } = await setupPredictions(() =>
    Promise.reject(
      new AppError('VALIDATION_ROW_INVALID', 'bad', { details: { fields: [{ path: 'rows.0.x' }] } }),
    ),
  )
  await call(rows)
  await expect
    .poll(() => heard)
    .toMatchObject([
      {
        status: 'FAILURE',
        result: {
          code: 'VALIDATION_ROW_INVALID',
          message: 'bad',
          details: { fields: [{ path: 'rows.0.x' }] },
        },
      },
    ])
})

test('a call past its deadline is neither run nor answered', async () => {
  let calls = 0
  const { call, heard } = await setupPredictions(() => {
    calls += 1
    return Promise.resolve(anAnswer())
  })
  await call(rows, { expires: new Date(Date.now() - 1).toISOString() })
  await call(rows, { id: 'call-2' })
  await expect.poll(() => heard.map(({ taskId }) => taskId)).toEqual(['call-2'])
  expect(calls).toBe(1)
})

test('a malformed call is parked and answered; another task is not registered', async () => {
  const { call, heard, parked } = await setupPredictions(() => Promise.resolve(anAnswer()))
  await call({ rows: 'all' })
  await call(rows, { id: 'call-2', task: 'tasks.add' })
  await expect.poll(() => parked).toHaveLength(1)
  await expect
    .poll(() => heard)
    .toMatchObject([
      { taskId: 'call-1', result: { code: 'BROKER_MESSAGE_MALFORMED' } },
      { taskId: 'call-2', result: { code: 'TASK_ALGORITHM_NOT_FOUND' } },
    ])
})

test('a stopping worker answers the calls it took', async () => {
  const answers: (() => void)[] = []
  const { call, heard, worker } = await setupPredictions(
    () =>
      new Promise((resolve) => {
        answers.push(() => resolve(anAnswer()))
      }),
  )
  await call(rows)
  await expect.poll(() => answers).toHaveLength(1)
  const stopped = worker.stop()
  await new Promise(setImmediate)
  answers[0]?.()
  await stopped
  await expect.poll(() => heard).toHaveLength(1)
})

test('a call without a deadline is answered, as any Celery client may make one', async () => {
  const asked: { deadlineAt: number }[] = []
  const { call, heard } = await setupPredictions((request) => {
    asked.push(request)
    return Promise.resolve(anAnswer())
  })
  await call(rows, { expires: null })
  await expect.poll(() => heard).toMatchObject([{ status: 'SUCCESS' }])
  expect(asked[0]?.deadlineAt).toBeGreaterThan(Date.now())
})

test.each([
  [{ ...rows, rows: [] }, 'kwargs.rows'],
  [{ ...rows, rows: [{ x: 1 }, 7] }, 'kwargs.rows.1'],
  [{ ...rows, columns: [1] }, 'kwargs.columns.0'],
  [{ ...rows, model_uri: '' }, 'kwargs.model_uri'],
])('rows that are none are malformed: %j', async (kwargs, path) => {
  const { call, heard } = await setupPredictions(() => Promise.resolve(anAnswer()))
  await call(kwargs)
  await expect
    .poll(() => heard)
    .toMatchObject([
      { status: 'FAILURE', result: { code: 'BROKER_MESSAGE_MALFORMED', details: { problems: [{ path }] } } },
    ])
})

test('an answer that is larger than a message is a failure that says so', async () => {
  const { call, heard } = await setupPredictions(() =>
    Promise.resolve(anAnswer([{ text: 'x'.repeat(300_000) }])),
  )
  await call(rows)
  await expect
    .poll(() => heard)
    .toMatchObject([{ status: 'FAILURE', result: { code: 'BROKER_MESSAGE_TOO_LARGE' } }])
})

test('a call is acked when the broker has its answer, not before', async () => {
  const predict: Predict = () => Promise.resolve(anAnswer())
  const { call, connect, topology, queue, heard, depth } = await setupPredictions(predict)
  // Another worker, whose publishes the broker does not confirm.
  const broker = await connect()
  let sent = 0
  const mute = new PredictWorker({
    queue,
    runtime: Object.assign(new FakeExecutor(), { predict }),
    prefetch: 8,
    broker: withPublish(broker, () => {
      sent += 1
      return new Promise(() => {})
    }),
    topology,
    clock: systemClock,
    logger: silentLogger(),
    worker: 'mute@test',
  })
  await mute.start()
  await call(rows)
  await call(rows, { id: 'call-2' })
  await expect.poll(() => [sent, heard.length]).toEqual([1, 1])
  await broker.stop()
  await expect.poll(() => heard.map(({ taskId }) => taskId).sort()).toEqual(['call-1', 'call-2'])
  await expect.poll(depth).toBe(0)
})

test('the runtime is told where the traffic of a model goes', async () => {
  const told: unknown[] = []
  const { client, topology } = await setupPredictions(() => Promise.resolve(anAnswer()), {
    route: (routed) => {
      told.push(routed)
      return Promise.resolve()
    },
  })
  const change = { name: 'm', revision: 2, load: [{ version: 3, uri: 'file:///m/3' }] }
  await client.publish([
    { ...encodeModelChanged(topology.modelExchange, change), body: new Uint8Array([123]) },
    encodeModelChanged(topology.modelExchange, change),
    encodeModelChanged(topology.modelExchange, { ...change, load: [], unload: ['file:///m/3'] }),
  ])
  await expect
    .poll(() => told)
    .toEqual([
      { name: 'm', uris: ['file:///m/3'], unload: [] },
      { name: 'm', uris: [], unload: ['file:///m/3'] },
    ])
})

test('an error that is larger than a message is told without its details, and nothing is parked', async () => {
  const { call, heard, parked, depth } = await setupPredictions(() =>
    Promise.reject(
      new AppError('TASK_FAILED', 'x'.repeat(300_000), { details: { reason: 'y'.repeat(300_000) } }),
    ),
  )
  await call(rows)
  await expect.poll(() => heard).toMatchObject([{ status: 'FAILURE', result: { code: 'TASK_FAILED' } }])
  await expect.poll(depth).toBe(0)
  expect(parked).toEqual([])
})

test('a deadline of years is none: a call is done with in minutes, or it is late', async () => {
  const asked: { deadlineAt: number }[] = []
  const { call } = await setupPredictions((request) => {
    asked.push(request)
    return Promise.resolve(anAnswer())
  })
  await call(rows, { expires: '2999-01-01T00:00:00Z' })
  await expect.poll(() => asked).toHaveLength(1)
  expect(asked[0]!.deadlineAt - Date.now()).toBeLessThanOrEqual(600_000)
})

test('a worker asks what traffic is routed to, and takes calls when it is loaded', async () => {
  const loads: (() => void)[] = []
  const told: string[] = []
  const asked: unknown[] = []
  const context = await setup()
  const { client, topology, aWorker } = context
  const queue = topology.executorQueue('predict')
  // A scheduler.
  await client.declarePrivateQueue({
    name: 'routes',
    bindings: [{ exchange: topology.modelExchange, routingKey: '' }],
  })
  await client.consume({
    queue: 'routes',
    prefetch: 0,
    noAck: true,
    onDelivery: (delivery) => {
      const replyTo = wantsModels(delivery)
      if (replyTo === null) return
      asked.push(replyTo)
      const models = ['m', 'n'].map((name) => ({
        name,
        revision: 1,
        load: [{ version: 1, uri: `file:///${name}` }],
      }))
      void client.publish([encodeModelsRouted(replyTo, models)])
    },
  })
  const runtime = Object.assign(new FakeExecutor(), {
    predict: () => Promise.resolve(anAnswer()),
    route: ({ uris }: { readonly uris: readonly string[] }) => {
      told.push(...uris)
      return new Promise<void>((resolve) => loads.push(resolve))
    },
  })
  const worker = aWorker({ executors: new Map(), predict: { queue, runtime, prefetch: 8 } })
  await worker.start()
  const consumers = async () => (await client.depths([queue]))[0]?.consumers
  await expect.poll(() => told).toEqual(['file:///m', 'file:///n'])
  loads[0]!()
  expect(await consumers()).toBe(0)
  loads[1]!()
  await expect.poll(consumers).toBe(1)
  expect(asked).toHaveLength(1)
})
