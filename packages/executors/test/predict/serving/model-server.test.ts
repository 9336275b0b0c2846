import { AppError } from '@celeriac/core'
import { createMetrics } from '@celeriac/runtime'
import { expect, test } from 'vitest'
import { aDeployment, aServer, ask, doublingScorer } from './setup.ts'

test('a model that converts is scored in this process; no Python is started', async () => {
  const { server, loads } = aServer()
  expect(
    await ask(server, 'native:///m/0', [
      [1, null],
      [2, null],
    ]),
  ).toEqual({
    predictions: [{ predict_result: 2 }, { predict_result: 4 }],
    model: { name: 'm' },
    runtime: 'native',
    timing: { queueMs: expect.any(Number), computeMs: expect.any(Number), batchRows: 2 },
  })
  await ask(server, 'native:///m/0')
  expect([loads, server.counts()]).toEqual([['native:///m/0'], null])
})

test('rows that do not fit the signature name their fields, in either runtime', async () => {
  const { server } = aServer()
  for (const uri of ['native:///m/0', 'file:///m/0'])
    await expect(ask(server, uri, [['one', null], [1]])).rejects.toMatchObject({
      code: 'VALIDATION_ROW_INVALID',
      details: { fields: [{ path: 'rows[0].x', expected: 'number', got: '"one"' }, { path: 'rows[1]' }] },
    })
})

test('requests for one model at a time share its load; a load that failed is tried again', async () => {
  const loads: string[] = []
  const { server } = aServer({
    load: async (uri) => {
      loads.push(uri)
      await Promise.resolve()
      if (loads.length === 1) throw new AppError('TASK_ARTIFACT_NOT_FOUND', 'no such deployment')
      return aDeployment(uri, doublingScorer)
    },
  })
  const first = await Promise.allSettled([ask(server, 'native:///m/0'), ask(server, 'native:///m/0')])
  expect(first).toMatchObject([
    { reason: { code: 'TASK_ARTIFACT_NOT_FOUND' } },
    { reason: { code: 'TASK_ARTIFACT_NOT_FOUND' } },
  ])
  expect(loads).toHaveLength(1)
  await Promise.all([ask(server, 'native:///m/0'), ask(server, 'native:///m/0')])
  expect(loads).toHaveLength(2)
})

test('a load that takes longer than the deadline is waited for no longer, but goes on', async () => {
  let finish = (): void => {}
  let loads = 0
  const { server } = aServer({
    load: (uri) =>
      new Promise((resolve) => {
        loads += 1
        finish = () => resolve(aDeployment(uri, doublingScorer))
      }),
  })
  await expect(ask(server, 'native:///m/0', [[1, null]], 10)).rejects.toMatchObject({
    code: 'PREDICT_DEADLINE',
  })
  finish()
  expect((await ask(server, 'native:///m/0')).predictions).toHaveLength(1)
  expect(loads).toBe(1)
})

test('what is past its deadline is not even loaded', async () => {
  const { server, loads } = aServer()
  await expect(ask(server, 'native:///m/0', [[1, null]], 0)).rejects.toMatchObject({
    code: 'PREDICT_DEADLINE',
  })
  expect(loads).toEqual([])
})

test('models beyond the memory limit leave it, those that traffic goes to last', async () => {
  // Each is 1,000 bytes of scorer and what a deployment takes beside it.
  const { server, loads } = aServer({ limits: { memoryBytes: 2 * 17_384 } })
  await server.route({ name: 'routed', uris: ['native:///routed/0'] })
  for (const name of ['a', 'b']) await ask(server, `native:///${name}/0`)
  loads.length = 0
  for (const name of ['routed', 'b', 'a']) await ask(server, `native:///${name}/0`)
  expect(loads).toEqual(['native:///a/0'])
})

test('a model that is unloaded is loaded again when it is asked for', async () => {
  const { server, loads } = aServer()
  const uri = 'native:///m/0'
  await server.route({ name: 'm', uris: [uri] })
  expect(loads).toEqual([uri])
  await server.route({ name: 'm', uris: [], unload: [uri] })
  await ask(server, uri)
  expect(loads).toEqual([uri, uri])
})

test('a routed model that cannot be loaded costs nobody else anything', async () => {
  const { server } = aServer({
    load: (uri) =>
      uri === 'native:///m/0'
        ? Promise.resolve(aDeployment(uri, doublingScorer))
        : Promise.reject(new AppError('TASK_ARTIFACT_NOT_FOUND', 'gone')),
  })
  await server.route({ name: 'm', uris: ['native:///gone/0', 'native:///m/0'] })
  expect((await ask(server, 'native:///m/0')).runtime).toBe('native')
})

test('routed models are loaded one after the other, and not what is not routed any more', async () => {
  let [underWay, most] = [0, 0]
  const loads: string[] = []
  const { server } = aServer({
    load: async (uri) => {
      loads.push(uri)
      most = Math.max(most, ++underWay)
      await new Promise(setImmediate)
      underWay -= 1
      return aDeployment(uri, doublingScorer)
    },
  })
  const names = ['a', 'b', 'c', 'd']
  const told = names.map((name) => server.route({ name, uris: [`native:///${name}/0`] }))
  await server.route({ name: 'c', uris: [] })
  await Promise.all(told)
  expect([loads.length, most]).toEqual([3, 1])
})

test('metrics tell rows, batches, ends and models', async () => {
  const metrics = createMetrics({ processMetrics: false })
  const { server } = aServer({ metrics })
  await ask(server, 'native:///m/0', [
    [1, null],
    [2, null],
  ])
  await ask(server, 'native:///m/0', [['x', null]]).catch(() => {})
  const text = await metrics.expose()
  expect(text).toContain('celeriac_serving_inferences_total{runtime="native"} 2')
  expect(text).toContain('celeriac_serving_executions_total{runtime="native"} 1')
  expect(text).toContain('celeriac_serving_requests_total{outcome="ok"} 1')
  expect(text).toContain('celeriac_serving_requests_total{outcome="invalid"} 1')
  expect(text).toContain('celeriac_serving_models_loaded{runtime="native"} 1')
  expect(text).toContain('celeriac_serving_inferences_total{runtime="python"} 0')
})
