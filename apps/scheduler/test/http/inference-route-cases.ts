import type { CallOptions } from './api-harness.ts'
import type { RouteCase } from './route-cases.ts'

const json = (body: string): CallOptions => ({ type: 'application/json', body })
const octets = (body: string | Uint8Array, headers: Record<string, string> = {}): CallOptions => ({
  type: 'application/octet-stream',
  body: body as NonNullable<CallOptions['body']>,
  headers,
})

const unpackable = [
  ['another type', 415, { type: 'text/html', body: '{}' }],
  ['an unknown encoding', 415, { ...json('{}'), headers: { 'content-encoding': 'br' } }],
  ['what gzip did not make', 400, { ...json('{}'), headers: { 'content-encoding': 'gzip' } }],
  ['half of a JSON text', 400, json('{"half":')],
  ['an unknown key', 400, json('{"unknown":1}')],
  ['a list', 400, json('[]')],
  ['bytes that are no text', 400, { type: 'application/json', body: new Uint8Array([0xff, 0xfe, 0x7b]) }],
] as const
const tooMuch = (bytes: number) => ['too much', 413, json(`{"x":"${'x'.repeat(bytes)}"}`)] as const
/** Of the bodies that hold no rows. */
const badRepositoryBodies = [...unpackable, tooMuch(70_000)] as const

const tensor = '{"inputs":[{"name":"age","shape":[1],"datatype":"FP64","data":[1]}]}'
const badTensors = [
  ...unpackable,
  ['no tensors', 400, json('{"inputs":[]}')],
  ['a tensor without data', 400, json('{"inputs":[{"name":"age","shape":[1],"datatype":"FP64"}]}')],
  ['a column that the model has not', 400, json(tensor.replace('age', 'aeg').replace('[1]', '[1,2]'))],
  ['an output that the model has not', 400, json(tensor.replace(/}$/, ',"outputs":[{"name":"x"}]}'))],
  ['a JSON length beyond the body', 400, octets(tensor, { 'inference-header-content-length': '1000' })],
  ['a JSON length that is none', 400, octets(tensor, { 'inference-header-content-length': '-1' })],
  ['a timeout that is none', 400, json(tensor.replace(/^\{/, '{"parameters":{"timeout":"1s"},'))],
] as const

const invocation = '{"dataframe_records":[{"age":1}]}'
const badInvocations = [
  ...unpackable,
  ['nothing', 415, {}],
  ['two formats', 400, json('{"instances":[[1]],"inputs":[[1]]}')],
  ['CSV without rows', 400, { type: 'text/csv', body: 'age\n' }],
  ['another charset', 415, { type: 'text/csv; charset=latin1', body: 'age\n1\n' }],
  ['probabilities of what has none', 400, json('{"inputs":[[1]],"params":{"method":"predict_proba"}}')],
] as const

const get = (path: string): RouteCase => ({ good: () => ({ path, status: 200 }) })
const model = '/v2/models/model'
const pinned = `${model}/versions/1`

/** Of the inference protocols. */
export const inferenceRouteCases: Readonly<Record<string, RouteCase>> = {
  v2Server: get('/v2'),
  v2Live: get('/v2/health/live'),
  v2Ready: get('/v2/health/ready'),
  v2Model: get(model),
  v2ModelVersion: get(`${model}/versions/champion`),
  v2ModelReady: get(`${model}/ready`),
  v2ModelVersionReady: get(`${pinned}/ready`),
  v2Infer: {
    good: () => ({ path: `${model}/infer`, status: 200, options: json(tensor) }),
    bad: [...badTensors, tooMuch(17_000_000)],
  },
  v2InferVersion: {
    good: () => ({ path: `${pinned}/infer`, status: 200, options: json(tensor) }),
    bad: badTensors,
  },
  v2Index: { good: () => ({ path: '/v2/repository/index', status: 200 }), bad: badRepositoryBodies },
  v2Load: {
    good: () => ({ path: '/v2/repository/models/model/load', status: 200, options: json('{}') }),
    bad: [...badRepositoryBodies, ['other settings', 400, json('{"parameters":{"config":"{}"}}')]],
  },
  v2Unload: {
    good: () => ({
      path: '/v2/repository/models/model/unload',
      status: 200,
      options: json('{"parameters":{"unload_dependents":false}}'),
    }),
    bad: badRepositoryBodies,
  },
  v2AllStatistics: get('/v2/models/stats'),
  v2Statistics: get(`${model}/stats`),
  v2StatisticsVersion: get(`${pinned}/stats`),
  invocations: {
    good: () => ({ path: '/invocations?model=model', status: 200, options: json(invocation) }),
    bad: [...badInvocations, tooMuch(17_000_000)],
  },
  invokeModel: {
    good: () => ({ path: '/api/v1/models/model/invocations', status: 200, options: json(invocation) }),
    bad: badInvocations,
  },
  mlflowPing: get('/ping'),
  mlflowHealth: get('/health'),
  mlflowVersion: get('/version'),
}
