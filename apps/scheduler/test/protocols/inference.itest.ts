/** The Open Inference Protocol over HTTP, in front of a model that is made up. */
import { AppError, type Store } from '@celeriac/core'
import { deflateSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startApi, token, type Harness } from '../http/api-harness.ts'
import { scoreOf, SumModel } from './sum-model.ts'

/** Without a registry: no version of any model is listed. */
const emptyStore = {
  listModelVersions: () => Promise.resolve({ items: [], cursor: null }),
} as unknown as Store

const service = new SumModel()
let api: Harness
beforeAll(async () => {
  api = await startApi({ store: emptyStore, predictions: service })
})
afterAll(() => api.close())
beforeEach(() => {
  service.asked.length = 0
  service.fault = null
})

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  api.call('POST', path, { type: 'application/json', body: JSON.stringify(body), headers })
const infer = (body: unknown, headers: Record<string, string> = {}) =>
  post('/v2/models/sums/infer', body, headers)
const column = (name: string, data: unknown[], datatype = 'FP64') => ({
  name,
  shape: [data.length],
  datatype,
  data,
})
const table = (data: unknown[], shape = [data.length / 2, 2]) => ({
  name: 'any',
  shape,
  datatype: 'FP64',
  data,
})

test('a table and columns by name are the same rows', async () => {
  const whole = await infer({ id: 'one', inputs: [table([1, 2, -3, 1])] })
  expect(whole.status).toBe(200)
  expect(whole.body).toEqual({
    model_name: 'sums',
    model_version: '3',
    id: 'one',
    parameters: { route: 'canary' },
    outputs: [
      { name: 'predict_result', datatype: 'FP64', shape: [2], data: [1, 0] },
      {
        name: 'predict_probability',
        datatype: 'FP64',
        shape: [2],
        data: [3, -2].map((sum) => scoreOf([sum]).predict_probability),
      },
      {
        name: 'probabilities',
        datatype: 'FP64',
        shape: [2, 2],
        parameters: { classes: '["1","0"]' },
        data: [3, -2].flatMap((sum) => [scoreOf([sum]).probabilities[1], scoreOf([sum]).probabilities[0]]),
      },
    ],
  })
  const columns = await infer({
    inputs: [column('b', [2, 1]), { ...column('a', [[1], [-3]]), shape: [2, 1] }],
  })
  expect(columns.body.outputs).toEqual(whole.body.outputs)
  expect(columns.body).not.toHaveProperty('id')
  expect(service.asked.map(({ rows, columns: names }) => [rows, names])).toEqual([
    [
      [
        [1, 2],
        [-3, 1],
      ],
      null,
    ],
    [
      [
        [2, 1],
        [1, -3],
      ],
      ['b', 'a'],
    ],
  ])
})

test('answers say which version it was, and how long it took', async () => {
  const { headers } = await infer({ inputs: [table([1, 2])] })
  expect(headers.get('x-model-version')).toBe('3')
  expect(headers.get('x-route')).toBe('canary')
  expect(headers.get('server-timing')).toMatch(/^queue;dur=0\.5, compute;dur=0\.25, total;dur=[\d.]+$/)
  const pinned = await post('/v2/models/sums/versions/7/infer', { inputs: [table([1, 2])] })
  expect([pinned.body.model_version, pinned.headers.get('x-route')]).toEqual(['7', 'pinned'])
  await post('/v2/models/sums/versions/candidate/infer', { inputs: [table([1, 2])] })
  expect(service.asked.at(-1)).toMatchObject({ name: 'sums', alias: 'candidate' })
})

/** What tritonclient sends by default: tensors behind the JSON, no content type, outputs wanted in the same form. */
async function inferBinary(
  values: Float64Array,
  headers: Record<string, string> = {},
  pack = (body: Buffer) => body,
) {
  const bytes = new Uint8Array(values.buffer)
  const json = JSON.stringify({
    parameters: { binary_data_output: true },
    inputs: [
      {
        name: 'x',
        shape: [values.length / 2, 2],
        datatype: 'FP64',
        parameters: { binary_data_size: bytes.length },
      },
    ],
  })
  const response = await fetch(`${api.url}/v2/models/sums/infer`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'inference-header-content-length': String(Buffer.byteLength(json)),
      ...headers,
    },
    body: new Uint8Array(pack(Buffer.concat([Buffer.from(json), bytes]))),
  })
  const answer = Buffer.from(await response.arrayBuffer())
  const length = Number(response.headers.get('inference-header-content-length'))
  return { response, json: JSON.parse(answer.subarray(0, length).toString()), tail: answer.subarray(length) }
}

test.each([
  ['as they are', {}, (body: Buffer) => body],
  ['by gzip', { 'content-encoding': 'gzip' }, gzipSync],
  ['by deflate', { 'content-encoding': 'deflate' }, deflateSync],
])('binary tensors come and go, packed %s', async (_how, headers, pack) => {
  const { response, json, tail } = await inferBinary(Float64Array.of(0.1, 0.2, -1, 0.5), headers, pack)
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/octet-stream'])
  expect(json.outputs[1]).toEqual({
    name: 'predict_probability',
    datatype: 'FP64',
    shape: [2],
    parameters: { binary_data_size: 16 },
  })
  expect(tail.readDoubleLE(16)).toBe(scoreOf([0.1, 0.2]).predict_probability)
  expect(tail.length).toBe(16 + 16 + 32)
})

test('what unpacks to too much is refused before it is all there', async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1_048_576, 0x20))
  const answer = await api.call('POST', '/v2/models/sums/infer', {
    type: 'application/json',
    headers: { 'content-encoding': 'gzip' },
    body: new Uint8Array(bomb),
  })
  expect([answer.status, answer.body]).toEqual([
    413,
    { error: expect.stringContaining('larger than the limit') },
  ])
})

test('errors are one text, which names all problems', async () => {
  const { status, body } = await infer({ inputs: [column('a', ['x', 1]), column('c', [1, 2, 3])] })
  expect([status, body]).toEqual([
    400,
    { error: 'the tensors cannot be read: inputs[0].data[0]: a number is expected' },
  ])
  const columns = await infer({ inputs: [column('a', [1, 1]), column('c', [1, 2, 3])] })
  expect(columns.body.error).toContain('inputs[1].name: the model has no input "c"')
  expect(columns.body.error).toContain('inputs[1].shape: [2] or [2, 1] is expected, got [3]')
  service.fault = new AppError('VALIDATION_ROW_INVALID', 'the rows do not fit the model', {
    details: { fields: [{ path: 'rows[0].a', expected: 'number', got: 'null' }] },
  })
  const rows = await infer({ inputs: [table([null, 1])] })
  expect([rows.status, rows.body]).toEqual([
    422,
    { error: 'the rows do not fit the model: rows[0].a: number expected, got null' },
  ])
  const unknown = await api.call('GET', '/v2/models/unknown')
  expect([unknown.status, unknown.body]).toEqual([404, { error: 'there is no such model: name: unknown' }])
  // tritonclient asks for a configuration that we have not.
  const config = await fetch(`${api.url}/v2/models/sums/config`, {
    headers: { authorization: `Bearer ${token}` },
  })
  expect([config.status, await config.json()]).toEqual([
    404,
    { error: expect.stringContaining('no such route') },
  ])
  const nobody = await api.call('GET', '/v2', { token: null })
  expect([nobody.status, Object.keys(nobody.body)]).toEqual([401, ['error']])
})

test('the shortest deadline counts: of the header, in seconds, or of the parameter, in microseconds', async () => {
  const inputs = [table([1, 2])]
  const waitOf = async (parameters: object, headers: Record<string, string>) => {
    const before = api.deps.clock.now()
    await infer({ inputs, parameters }, headers)
    return Math.round((service.asked.at(-1)!.deadlineAt - before) / 1_000)
  }
  expect(await waitOf({}, {})).toBe(5)
  expect(await waitOf({ timeout: 30_000_000 }, {})).toBe(30)
  expect(await waitOf({ timeout: 30_000_000 }, { 'x-request-timeout': '20' })).toBe(20)
  expect(await waitOf({ timeout: 10_000_000 }, { 'x-request-timeout': '20' })).toBe(10)
  service.fault = new AppError('PREDICT_DEADLINE', 'too late')
  expect((await infer({ inputs })).status).toBe(504)
  service.fault = new AppError('PREDICT_SHED', 'too many')
  const shed = await infer({ inputs })
  expect([shed.status, shed.headers.get('retry-after')]).toEqual([503, '1'])
  // Refused before the body was looked at.
  expect(shed.body).toEqual({ error: 'too many' })
  expect((await infer('no request at all')).status).toBe(503)
})

test('the server and its models describe themselves', async () => {
  expect((await api.call('GET', '/v2')).body).toEqual({
    name: 'celeriac',
    version: '0.0.0-test',
    extensions: ['binary_tensor_data', 'model_repository', 'parameters', 'statistics'],
  })
  expect((await api.call('GET', '/v2/models/sums')).body).toEqual({
    name: 'sums',
    versions: [],
    platform: 'celeriac_native',
    inputs: ['a', 'b'].map((name) => ({ name, datatype: 'FP64', shape: [-1] })),
    outputs: [
      { name: 'predict_result', datatype: 'FP64', shape: [-1] },
      { name: 'predict_probability', datatype: 'FP64', shape: [-1] },
      { name: 'probabilities', datatype: 'FP64', shape: [-1, 2] },
    ],
  })
  expect((await api.call('GET', '/v2/models/sums/versions/3/ready')).body).toEqual({
    name: 'sums',
    ready: true,
  })
  for (const path of ['live', 'ready'])
    expect((await api.call('GET', `/v2/health/${path}`, { token: null })).body).toEqual({ [path]: true })
})

test('a server that is not ready says so with its status', async () => {
  const down = await startApi({
    store: api.store,
    readiness: () => Promise.resolve({ ready: false, checks: {} }),
  })
  const ready = await down.call('GET', '/v2/health/ready', { token: null })
  expect([ready.status, ready.body]).toEqual([503, { ready: false }])
  const model = await down.call('GET', '/v2/models/sums/ready')
  expect([model.status, model.body]).toEqual([
    503,
    { error: expect.stringContaining('nothing serves predictions') },
  ])
  await down.close()
})
