import { expect, test } from 'vitest'
import { aListener, anAttempt, aStartedExecutor, run } from './setup.ts'

const request = (row: Record<string, string | number> = {}, inMs = 5_000, modelUri = 'file:///m/0') => ({
  modelUri,
  rows: [row],
  columns: null,
  deadlineAt: Date.now() + inMs,
})

test('a prediction is answered by a warm process', async () => {
  const executor = await aStartedExecutor()
  expect(await executor.predict(request())).toEqual({
    predictions: [{ predict_result: expect.any(Number) }],
    model: { name: 'file:///m/0' },
  })
})

test('predictions of a model go to the process that has it loaded', async () => {
  const executor = await aStartedExecutor()
  await expect.poll(() => executor.counts().idle).toBe(2)
  const pids = new Set<unknown>()
  for (let number = 0; number < 5; number++) {
    await expect.poll(() => executor.counts().idle, { interval: 1 }).toBe(2)
    pids.add((await executor.predict(request())).predictions[0]?.['predict_result'])
  }
  expect(pids.size).toBe(1)
})

test('rows that do not fit the model name their fields', async () => {
  const executor = await aStartedExecutor()
  await expect(executor.predict(request({ do: 'invalid' }))).rejects.toMatchObject({
    code: 'VALIDATION_ROW_INVALID',
    details: { fields: [{ path: 'rows.0.x', expected: 'number', got: 'string' }] },
  })
})

test('a late prediction is answered at its deadline, and its process is used again', async () => {
  const executor = await aStartedExecutor({ poolSize: 1 })
  await expect(executor.predict(request({ seconds: 0.2 }, 50))).rejects.toMatchObject({
    code: 'PREDICT_DEADLINE',
  })
  expect((await executor.predict(request())).predictions).toHaveLength(1)
})

test('a prediction that hangs past its deadline costs its process, not the pool', async () => {
  const executor = await aStartedExecutor({ poolSize: 1 })
  await expect(executor.predict(request({ seconds: 60 }, 50))).rejects.toMatchObject({
    code: 'PREDICT_DEADLINE',
  })
  expect((await executor.predict(request({}, 10_000))).predictions).toHaveLength(1)
})

test('a prediction whose deadline passed or which waits too long is not run', async () => {
  const executor = await aStartedExecutor({ poolSize: 1 })
  const listener = aListener()
  const training = executor.run(anAttempt({ do: 'sleep', seconds: 0.3 }), listener)
  await listener.firstLine
  await expect(executor.predict(request({}, -1))).rejects.toMatchObject({ code: 'PREDICT_DEADLINE' })
  await expect(executor.predict(request({}, 20))).rejects.toMatchObject({ code: 'PREDICT_DEADLINE' })
  expect(executor.counts().waiting).toBe(0)
  await training.outcome
})

test('one prediction too many is shed', async () => {
  const executor = await aStartedExecutor({ poolSize: 1, limits: { maxWaitingPredictions: 2 } })
  const listener = aListener()
  const training = executor.run(anAttempt({ do: 'sleep', seconds: 0.1 }), listener)
  await listener.firstLine
  const waiting = [executor.predict(request()), executor.predict(request())]
  await expect(executor.predict(request())).rejects.toMatchObject({ code: 'PREDICT_SHED' })
  await Promise.all(waiting)
  await training.outcome
})

test('predictions go before attempts that wait longer', async () => {
  const executor = await aStartedExecutor({ poolSize: 1 })
  const listener = aListener()
  const first = executor.run(anAttempt({ do: 'sleep', seconds: 0.05 }), listener)
  await listener.firstLine
  const order: string[] = []
  const second = run(executor, anAttempt()).then(() => order.push('attempt'))
  const prediction = executor.predict(request()).then(() => order.push('prediction'))
  await Promise.all([first.outcome, second, prediction])
  expect(order).toEqual(['prediction', 'attempt'])
})

test('a process that dies in a prediction fails that prediction only', async () => {
  const executor = await aStartedExecutor({ poolSize: 1 })
  await expect(executor.predict(request({ do: 'kill9' }))).rejects.toMatchObject({
    code: 'TASK_PROCESS_DIED',
  })
  expect((await executor.predict(request())).predictions).toHaveLength(1)
})
