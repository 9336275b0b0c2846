import { encodeTaskMessage, predictTaskName, type TaskMessage } from '@celeriac/contracts'
import { AppError, type JsonObject } from '@celeriac/core'
import { expect, test } from 'vitest'
import type { Predict } from '../../src/index.ts'
import { FakeExecutor } from './fake-executor.ts'
import { setup } from './setup.ts'

async function setupPredictions(predict: Predict) {
  const context = await setup()
  const queue = context.topology.executorQueue('predict')
  const executor = Object.assign(new FakeExecutor(), { predict })
  const worker = await context.startWorker({
    executors: new Map(),
    predict: { queue, executor, prefetch: 8 },
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
  return { ...context, executor, worker, call }
}

const rows = { model_uri: 'file:///m/0', rows: [{ x: 1 }], columns: null }

test('a call is answered with the predictions', async () => {
  const asked: unknown[] = []
  const { call, heard, executor } = await setupPredictions((request) => {
    asked.push(request)
    return Promise.resolve({ predictions: [{ predict_result: 1 }], model: { name: 'm' } })
  })
  await call(rows)
  await expect
    .poll(() => heard)
    .toMatchObject([
      {
        taskId: 'call-1',
        status: 'SUCCESS',
        result: { predictions: [{ predict_result: 1 }], model: { name: 'm' } },
      },
    ])
  expect(asked).toMatchObject([{ modelUri: 'file:///m/0', rows: [{ x: 1 }], deadlineAt: expect.any(Number) }])
  expect(executor.starts).toBe(1)
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
    return Promise.resolve({ predictions: [], model: {} })
  })
  await call(rows, { expires: new Date(Date.now() - 1).toISOString() })
  await call(rows, { id: 'call-2' })
  await expect.poll(() => heard.map(({ taskId }) => taskId)).toEqual(['call-2'])
  expect(calls).toBe(1)
})

test('a malformed call is parked and answered; another task is not registered', async () => {
  const { call, heard, parked } = await setupPredictions(() =>
    Promise.resolve({ predictions: [], model: {} }),
  )
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
        answers.push(() => resolve({ predictions: [], model: {} }))
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
