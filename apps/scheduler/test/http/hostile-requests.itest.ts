/** What somebody sends who means harm and has a token, or none: nothing of it may be a defect, or reach what it must not. */
import { request, type IncomingHttpHeaders } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isRole, lowerRole, type Role } from '@celeriac/core'
import { routes } from '../../src/http/routes/index.ts'
import { tokenOf } from './a-token.ts'
import { startApi, token, type Harness } from './api-harness.ts'
import { fakePredictions } from './fake-predictions.ts'

let api: Harness
beforeAll(async () => {
  api = await startApi({
    predictions: fakePredictions(),
    modelMemory: { load: () => Promise.resolve(), unload: () => Promise.resolve() },
    invocationsModel: { name: 'model' },
  })
})
afterAll(() => api.close())

interface Sent {
  readonly token?: string | null
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** Sends a path as it is written here: `fetch` would put it in order. */
const send = (method: string, path: string, { token: given = token, headers = {}, body }: Sent = {}) =>
  new Promise<{ readonly status: number; readonly headers: IncomingHttpHeaders }>((resolve, reject) => {
    const { hostname, port } = new URL(api.url)
    const authorization = given === null ? {} : { authorization: `Bearer ${given}` }
    const content =
      body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const sent = request(
      { hostname, port, method, path, agent: false, headers: { ...authorization, ...content, ...headers } },
      (answer) => {
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers })
        answer.destroy()
      },
    )
    sent.once('error', reject)
    sent.end(body)
  })

/** As they stand in a path. */
const hostileNames = [
  '%00',
  'a%00b',
  '..',
  '..%2f..%2f..%2fetc%2fpasswd',
  '%2e%2e',
  '__proto__',
  'constructor',
  'a%0d%0aset-cookie:%20x=1',
  '%F0%9F%98%80',
  '%EF%BF%BE',
  "'%20or%201=1--",
  '9'.repeat(200),
  '00000000-0000-0000-0000-000000000000',
  'x'.repeat(300),
]
const withParams = routes.filter(({ path }) => path.includes('{'))

test.each(withParams.map((route) => [route.operationId, route] as const))(
  '%s takes any text in its path for what it is',
  async (_id, { method, path, body }) => {
    for (const name of hostileNames) {
      const filled = path.replaceAll(/\{\w+\}/g, name)
      const json = body === undefined ? {} : { body: '{"rows":[{"a":1}]}' }
      const { status, headers } = await send(method.toUpperCase(), filled, json)
      expect([filled, status < 500]).toEqual([filled, true])
      expect(headers['set-cookie']).toBeUndefined()
    }
  },
)

/** Spellings that a router might take for another route than the gate does. */
const spellings = (path: string): string[] => [
  path.toUpperCase(),
  `${path}/`,
  `/${path}`,
  path.replace('/api', '/%61pi'),
  path.replace('/api/', '/api/./'),
  path.replace('/api/', '/x/../api/'),
  `${path};x=1`,
  `${path}%20`,
  `${path}?access=public`,
]

test('no spelling of a path leads around the gate', async () => {
  const needed = routes.filter(({ access }) => isRole(access))
  for (const { method, path } of needed)
    for (const spelling of spellings(path.replaceAll(/\{\w+\}/g, 'x'))) {
      const { status } = await send(method.toUpperCase(), spelling, { token: null })
      expect([method, spelling, status]).toEqual([method, spelling, 401])
    }
})

test('a method that overrides another, and a token in another place, count for nothing', async () => {
  const viewer = await tokenOf(api.store, 'viewer', { kind: 'session', role: 'admin', scopes: ['read'] })
  const overridden = await send('POST', '/api/v1/users?_method=GET', {
    token: viewer,
    headers: { 'x-http-method-override': 'GET' },
    body: '{}',
  })
  expect(overridden.status).toBe(403)
  for (const path of [`/api/v1/runs?access_token=${token}`, `/api/v1/runs?token=${token}`])
    expect((await send('GET', path, { token: null, headers: { cookie: `token=${token}` } })).status).toBe(401)
})

test('HEAD needs what GET needs', async () => {
  for (const { path } of routes.filter(({ method, access }) => method === 'get' && isRole(access)))
    expect((await send('HEAD', path.replaceAll(/\{\w+\}/g, 'x'), { token: null })).status).toBe(401)
})

/** Routes of one thing in several protocols. What changes it needs an editor in each. */
test('what only editors may do, no protocol lets a viewer do', async () => {
  const least = new Map<string, Role>()
  for (const { operationId, access } of routes) if (isRole(access)) least.set(operationId, access)
  const changing = [
    'train',
    'trainIris',
    'batchPredict',
    'cancelTask',
    'v2Load',
    'v2Unload',
    'promoteModel',
    'rollBackModel',
    'setModelTraffic',
    'setModelAlias',
    'removeModelAlias',
    'archiveModelVersion',
    'restoreModelVersion',
    'deleteModelVersion',
    'createIris',
    'putIris',
    'patchIris',
    'deleteIris',
  ]
  for (const operation of changing)
    expect([operation, lowerRole(least.get(operation) ?? 'viewer', 'editor')]).toEqual([operation, 'editor'])
  // Whatever else changes something is one of these, or the caller's own.
  const own = ['logout', 'logoutAll', 'changePassword', 'createToken', 'revokeToken']
  const articles = ['renewArticlesToken', 'logoutArticles', 'logoutAllArticles']
  const reading = [
    'predict',
    'v2Infer',
    'v2InferVersion',
    'v2Index',
    'invocations',
    'invokeModel',
    'predictIris',
  ]
  const open = routes
    .filter(({ method, access }) => method !== 'get' && access === 'viewer')
    .map(({ operationId }) => operationId)
  expect(open.filter((name) => ![...own, ...articles, ...reading, 'validateDag'].includes(name))).toEqual([])
})

test('a small body that unpacks to a large one is refused', async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1_048_576, ' '))
  expect(bomb.length).toBeLessThan(100_000)
  for (const path of ['/v2/models/model/infer', '/invocations', '/v2/repository/index'])
    for (const encoding of ['gzip', 'gzip, gzip']) {
      const { status } = await send('POST', path, {
        headers: { 'content-encoding': encoding },
        body: bomb,
      })
      expect([path, encoding, [413, 415].includes(status)]).toEqual([path, encoding, true])
    }
})

test('keys that every object has are columns and parameters like others, and change no object', async () => {
  const hostile = '{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}},"a":1}'
  const calls: readonly (readonly [string, string])[] = [
    ['/api/v1/models/model/predict', `{"rows":[${hostile}]}`],
    ['/invocations', `{"dataframe_records":[${hostile}]}`],
    ['/invocations', `{"inputs":{"__proto__":[1],"constructor":[1]}}`],
    ['/invocations', `{"dataframe_split":{"columns":["__proto__"],"data":[[{"isAdmin":true}]]}}`],
    [
      '/v2/models/model/infer',
      `{"inputs":[{"name":"__proto__","shape":[1],"datatype":"FP64","data":[1],"parameters":{"__proto__":1}}]}`,
    ],
    ['/api/v1/train', `{"algorithm":"algo_local_model_2c_l","dataset":1,"target":"t","params":${hostile}}`],
    ['/api/predict', hostile],
    ['/api/iris/', hostile],
    ['/api/v1/tokens', `{"name":"x","__proto__":{"role":"admin"},"scopes":["read"]}`],
  ]
  for (const [path, body] of calls) {
    const { status } = await send('POST', path, { body })
    expect([path, status < 500]).toEqual([path, true])
  }
  expect(({} as Record<string, unknown>)['isAdmin']).toBeUndefined()
})
