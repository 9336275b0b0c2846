/** The repository and statistics of the Open Inference Protocol over HTTP. */
import { modelChangedSchema } from '@celeriac/contracts'
import { AppError } from '@celeriac/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ModelMemory } from '../../src/protocols/model-memory.ts'
import { PredictionCounts } from '../../src/protocols/prediction-counts.ts'
import { chainDocument, startApi, type Harness } from '../http/api-harness.ts'
import { SumModel } from './sum-model.ts'

const service = new SumModel()
const clock = { now: () => 1_000, after: () => () => undefined }
const told: unknown[] = []
let api: Harness
beforeAll(async () => {
  const counts = new PredictionCounts(service, clock)
  api = await startApi({
    predictions: counts,
    predictionCounts: counts,
    modelMemory: {
      load: (name) => memory().load(name),
      unload: (name) => memory().unload(name),
    },
  })
})
afterAll(() => api.close())

const memory = () =>
  new ModelMemory({
    store: api.store,
    topology: api.deps.topology,
    broker: {
      publish: (messages) => {
        told.push(
          ...messages.map(({ body }) => modelChangedSchema.parse(JSON.parse(Buffer.from(body).toString()))),
        )
        return Promise.resolve(messages.map(() => 'confirmed' as const))
      },
    },
  })

const post = (path: string, body: unknown) =>
  api.call('POST', path, { type: 'application/json', body: JSON.stringify(body) })
const inputs = (data: number[]) => [{ name: 'any', shape: [data.length / 2, 2], datatype: 'FP64', data }]

async function deploy(name: string): Promise<void> {
  const { body } = await api.call('POST', '/api/v1/runs', {
    type: 'application/yaml',
    body: chainDocument(['a']),
  })
  await expect.poll(async () => (await api.call('GET', `/api/v1/runs/${body.id}`)).body.state).toBe('running')
  await api.engine.succeed(body.id, 0, {
    deployment: { name, alias: 'champion', model_uri: `file:///m/${body.id}` },
  })
}

test('the repository lists versions, and workers are told what to load and drop', async () => {
  await api.engine.start()
  await deploy('listed')
  await deploy('listed')
  const entry = (version: string) => ({ name: 'listed', version, state: 'READY', reason: '' })
  expect((await api.call('POST', '/v2/repository/index')).body).toEqual([entry('1'), entry('2')])
  expect((await post('/v2/repository/index', { ready: true })).body).toHaveLength(2)
  expect((await api.call('GET', '/v2/models/listed')).body.versions).toEqual(['1', '2'])
  const { items } = await api.store.listModelVersions({ name: 'listed', limit: 2 })
  const uris = items.map(({ uri }) => uri)
  expect((await post('/v2/repository/models/listed/load', {})).status).toBe(200)
  expect(told).toMatchObject([{ name: 'listed', load: [{ version: 2, uri: uris[0] }] }])
  expect((await post('/v2/repository/models/listed/unload', {})).status).toBe(200)
  expect(told[1]).toMatchObject({ name: 'listed', load: [], unload: uris })
  await api.store.archiveModelVersion({ name: 'listed', version: 1, isArchived: true, actor: null })
  const archived = { ...entry('1'), state: 'UNAVAILABLE', reason: 'archived' }
  expect((await api.call('POST', '/v2/repository/index')).body).toEqual([archived, entry('2')])
  expect((await post('/v2/repository/index', { ready: true })).body).toEqual([entry('2')])
  expect((await api.call('GET', '/v2/models/listed')).body.versions).toEqual(['2'])
  for (const verb of ['load', 'unload'])
    expect((await post(`/v2/repository/models/nothing/${verb}`, {})).status).toBe(404)
  const { body } = await api.call('GET', '/api/v1/audit?limit=10')
  const recorded = body.items.map(({ action, target }: Record<string, string>) => `${action} ${target}`)
  expect(recorded).toEqual(expect.arrayContaining(['model.load listed', 'model.unload listed']))
})

test('statistics count what became of requests', async () => {
  await post('/v2/models/listed/versions/2/infer', { inputs: inputs([1, 2, 3, 4]) })
  service.fault = new AppError('PREDICT_DEADLINE', 'too late')
  await post('/v2/models/listed/infer', { inputs: inputs([1, 2]) })
  service.fault = null
  const { body } = await api.call('GET', '/v2/models/listed/versions/2/stats')
  expect(body.model_stats).toMatchObject([
    {
      name: 'listed',
      version: '2',
      last_inference: 1_000,
      inference_count: 2,
      execution_count: 1,
      inference_stats: {
        success: { count: 1, ns: 0 },
        fail: { count: 1 },
        queue: { count: 1, ns: 500_000 },
        compute_infer: { count: 1, ns: 250_000 },
      },
    },
  ])
  const counted = async (path: string): Promise<unknown> =>
    (await api.call('GET', path)).body.model_stats.map(
      ({ version, execution_count: count }: { version: string; execution_count: number }) => [version, count],
    )
  expect(await counted('/v2/models/listed/stats')).toEqual([
    ['1', 0],
    ['2', 1],
  ])
  expect(await counted('/v2/models/stats')).toEqual([
    ['1', 0],
    ['2', 1],
  ])
  expect((await api.call('GET', '/v2/models/nothing/stats')).status).toBe(404)
})
