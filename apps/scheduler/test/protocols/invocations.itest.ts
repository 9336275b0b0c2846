/** MLflow's scoring protocol over HTTP, in front of a model that is made up. */
import type { Store } from '@celeriac/core'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startApi, type Harness } from '../http/api-harness.ts'
import { scoreOf, SumModel } from './sum-model.ts'

const service = new SumModel()
let api: Harness
beforeAll(async () => {
  api = await startApi({
    store: {} as Store,
    predictions: service,
    invocationsModel: { name: 'sums', version: 2 },
  })
})
afterAll(() => api.close())
beforeEach(() => {
  service.asked.length = 0
})

const post = (path: string, body: unknown) =>
  api.call('POST', path, { type: 'application/json', body: JSON.stringify(body) })
const invoke = (body: unknown, query = '') => post(`/invocations${query}`, body)

test('every format of MLflow gives the same predictions', async () => {
  const bodies = [
    {
      dataframe_split: {
        columns: ['a', 'b'],
        index: [0, 1],
        data: [
          [1, 2],
          [-3, 1],
        ],
      },
    },
    {
      dataframe_records: [
        { a: 1, b: 2 },
        { a: -3, b: 1 },
      ],
    },
    {
      instances: [
        { a: 1, b: 2 },
        { a: -3, b: 1 },
      ],
    },
    {
      inputs: [
        [1, 2],
        [-3, 1],
      ],
    },
    { inputs: { a: [1, -3], b: [2, 1] }, params: { method: 'predict' } },
  ]
  for (const body of bodies) expect((await invoke(body)).body).toEqual({ predictions: [1, 0] })
  const csv = await api.call('POST', '/invocations', {
    type: 'text/csv; charset=utf-8',
    body: 'a,b\n1,2\n-3,1\n',
  })
  expect(csv.body).toEqual({ predictions: [1, 0] })
  expect(service.asked.every(({ name, version }) => name === 'sums' && version === 2)).toBe(true)
  const chances = await invoke({ inputs: [[1, 2]], params: { method: 'predict_proba' } })
  const chance = scoreOf([3]).predict_probability
  expect(chances.body).toEqual({ predictions: [[chance, 1 - chance]] })
  expect(chances.headers.get('x-model-version')).toBe('2')
})

test('the model of an invocation is named by the request, or by the installation', async () => {
  const body = { inputs: [[1, 2]] }
  await invoke(body, '?model=other')
  await invoke(body, '?model=other&version=4')
  await post('/api/v1/models/third/invocations?alias=candidate', body)
  expect(service.asked.map(({ name, version, alias }) => [name, version, alias])).toEqual([
    ['other', undefined, undefined],
    ['other', 4, undefined],
    ['third', undefined, 'candidate'],
  ])
  expect((await invoke(body, '?version=4')).status).toBe(400)
  const none = await startApi({ store: api.store, predictions: service })
  const answer = await none.call('POST', '/invocations', {
    type: 'application/json',
    body: JSON.stringify(body),
  })
  expect([answer.status, answer.body]).toEqual([
    400,
    { error_code: 'BAD_REQUEST', message: expect.stringContaining('CELERIAC_INVOCATIONS_MODEL gives none') },
  ])
  await none.close()
})

test('errors of an invocation are as MLflow has them', async () => {
  const wrong = await invoke({ frames: [] })
  expect([wrong.status, wrong.body]).toEqual([
    400,
    { error_code: 'BAD_REQUEST', message: expect.stringContaining('exactly one of dataframe_split') },
  ])
  expect((await api.call('POST', '/invocations', { type: 'text/plain', body: 'a' })).status).toBe(415)
  expect((await invoke({ inputs: [[1, 2]] }, '?model=unknown')).body).toEqual({
    error_code: 'RESOURCE_DOES_NOT_EXIST',
    message: 'there is no such model: name: unknown',
  })
  for (const [path, text] of [
    ['/ping', '\n'],
    ['/health', '\n'],
    ['/version', '0.0.0-test'],
  ] as const)
    expect((await api.call('GET', path, { token: null })).body).toBe(text)
})
