import { AppError, isRole } from '@celeriac/core'
import { problemDetailsSchema } from '@celeriac/contracts'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { routes } from '../../src/http/routes/index.ts'
import { chainDocument, startApi, token, type Harness, type RequestBody } from './api-harness.ts'
import { raw } from './raw-request.ts'

let api: Harness
beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api.close())

test('only health and logging in are public, and metrics on this machine', () => {
  expect(routes.filter((route) => !isRole(route.access)).map((route) => [route.path, route.access])).toEqual([
    ['/v2/health/live', 'public'],
    ['/v2/health/ready', 'public'],
    ['/ping', 'public'],
    ['/health', 'public'],
    ['/version', 'public'],
    ['/api/v1/auth/register', 'public'],
    ['/api/v1/auth/login', 'public'],
    ['/api/auth/register', 'public'],
    ['/api/auth/login_extend', 'public'],
    ['/healthz', 'public'],
    ['/readyz', 'public'],
    ['/metrics', 'loopback'],
  ])
})

test('health, readiness and metrics answer without a token', async () => {
  expect((await api.call('GET', '/healthz', { token: null })).body).toEqual({
    status: 'ok',
    version: '0.0.0-test',
  })
  expect((await api.call('GET', '/readyz', { token: null })).body).toEqual({
    ready: true,
    checks: { database: 'ok' },
  })
  const metrics = await api.call('GET', '/metrics', { token: null })
  expect(metrics.body).toBe('up 1\n')
  expect(metrics.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
})

test('a scheme that is not Bearer is no token', async () => {
  const answer = await api.call('GET', '/api/v1/runs', {
    token: null,
    headers: { authorization: `Basic ${token}` },
  })
  expect(answer.body.code).toBe('AUTH_TOKEN_MISSING')
})

test.each([
  '/',
  '/api',
  '/api/v1/nothing',
  '/api/v1/runs/1/2/3',
  '/api/v1/../../etc/passwd',
  '/%2e%2e/%2e%2e/etc/passwd',
])('the unknown path %s is 404 with a token and 401 without', async (path) => {
  expect((await api.call('GET', path)).body.code).toBe('NOT_FOUND_ROUTE')
  expect((await api.call('GET', path, { token: null })).status).toBe(401)
})

test.each([
  ['DELETE', '/api/v1/runs', 'POST, GET, HEAD, OPTIONS'],
  ['PUT', '/api/v1/datasets/1', 'GET, HEAD, OPTIONS'],
  ['PATCH', '/api/v1/runs/1/cancel', 'POST, OPTIONS'],
  ['PUT', '/api/v1/dags/validate', 'POST, OPTIONS'],
  ['POST', '/api/openapi.json', 'GET, HEAD, OPTIONS'],
  ['TRACE', '/healthz', 'GET, HEAD, OPTIONS'],
])('%s on the known path %s is 405 with the methods that it has', async (method, path, allow) => {
  const answer = await raw(api, `${method} ${path} HTTP/1.1`, { authorization: `Bearer ${token}` })
  expect(answer.status).toBe(405)
  expect(answer.headers['allow']).toBe(allow)
  expect(problemDetailsSchema.parse(JSON.parse(answer.body)).code).toBe('NOT_FOUND_METHOD')
})

test('which methods a path has is told only to those who have a token', async () => {
  const missing = await api.call('DELETE', '/api/v1/runs', { token: null })
  expect([missing.status, missing.headers.get('allow')]).toEqual([401, null])
  const asked = await api.call('OPTIONS', '/api/v1/runs')
  expect([asked.status, asked.headers.get('allow'), asked.body]).toEqual([
    204,
    'POST, GET, HEAD, OPTIONS',
    '',
  ])
  expect((await api.call('OPTIONS', '/api/v1/runs', { token: null })).status).toBe(401)
  expect((await api.call('OPTIONS', '/healthz', { token: null })).status).toBe(204)
  expect((await api.call('OPTIONS', '/api/v1/nothing')).status).toBe(404)
})

test('HEAD is GET without the body', async () => {
  for (const path of ['/api/v1/runs', '/healthz', '/api/openapi.json']) {
    const { status, body, headers } = await api.call('HEAD', path)
    expect([status, body]).toEqual([200, ''])
    expect(headers.get('content-type')).toMatch(/^application\/json/)
  }
  expect((await api.call('HEAD', '/api/v1/runs', { token: null })).status).toBe(401)
  expect((await api.call('HEAD', '/api/v1/runs/1')).status).toBe(404)
})

test('broken percent-encoding is the sender’s fault', async () => {
  const { status, body } = await api.call('GET', '/api/v1/runs/%E0%A4%A')
  expect([status, body.code]).toEqual([400, 'VALIDATION_BODY_INVALID'])
})

test('every answer names its request, with the sender’s id where it is harmless', async () => {
  const own = await api.call('GET', '/api/v1/runs', { headers: { 'x-request-id': 'my-request.1' } })
  expect(own.headers.get('x-request-id')).toBe('my-request.1')
  const odd = await api.call('GET', '/api/v1/nothing', { headers: { 'x-request-id': 'a b<script>' } })
  expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  expect(odd.body.instance).toBe(`urn:celeriac:request:${odd.headers.get('x-request-id')}`)
})

test('an unexpected fault says nothing about itself', async () => {
  const broken = await startApi({
    store: api.store,
    workers: () => {
      throw new TypeError('secret detail of the implementation')
    },
  })
  const { status, body } = await broken.call('GET', '/api/v1/workers')
  expect([status, body.code]).toEqual([500, 'INTERNAL_ERROR'])
  expect(JSON.stringify(body)).not.toContain('secret')
  expect(JSON.stringify(body)).not.toContain('at ')
  await broken.close()
})

test('a database that is away is 503, worth another try', async () => {
  const down = await startApi({
    store: {
      ...api.store,
      listRuns: () => Promise.reject(new AppError('STORE_UNAVAILABLE', 'the database cannot be reached')),
    },
  })
  const { status, body, headers } = await down.call('GET', '/api/v1/runs')
  expect([status, body.code, headers.get('retry-after')]).toEqual([503, 'STORE_UNAVAILABLE', '1'])
  await down.close()
})

test('not ready is 503 with what is wrong', async () => {
  const broken = await startApi({
    store: api.store,
    readiness: () => Promise.resolve({ ready: false, checks: { broker: 'connecting' } }),
  })
  const { status, body } = await broken.call('GET', '/readyz', { token: null })
  expect([status, body]).toEqual([503, { ready: false, checks: { broker: 'connecting' } }])
  await broken.close()
})

test('requests are measured by route, never by path', async () => {
  const samples: object[] = []
  const measured = await startApi({ store: api.store, observeRequest: (sample) => samples.push(sample) })
  await measured.call('GET', '/api/v1/runs/one')
  await measured.call('GET', '/nowhere')
  await expect.poll(() => samples.length).toBe(2)
  expect(samples).toMatchObject([
    { method: 'GET', route: '/api/v1/runs/{id}', status: 404 },
    { method: 'GET', route: 'none', status: 404 },
  ])
  await measured.close()
})

const post = (type: string | undefined, body: RequestBody) =>
  api.call('POST', '/api/v1/runs', { body, ...(type === undefined ? {} : { type }) })

test.each([
  ['text/html', '<p>'],
  ['application/x-www-form-urlencoded', 'a=b'],
  ['image/png', 'x'],
])('a body of type %s is refused', async (type, body) => {
  const answer = await post(type, body)
  expect([answer.status, answer.body.code]).toEqual([415, 'VALIDATION_CONTENT_TYPE'])
  expect(answer.body.details.accepted).toContain('application/yaml')
})

test('a compressed body is refused', async () => {
  const { status } = await api.call('POST', '/api/v1/runs', {
    type: 'application/yaml',
    headers: { 'content-encoding': 'gzip' },
    body: 'x',
  })
  expect(status).toBe(415)
})

test.each([
  ['not JSON', '{"source":'],
  ['not an object', '[1]'],
  ['without source', '{}'],
  ['with an unknown key', '{"source":"x","sauce":1}'],
  ['with the wrong type', '{"source":5}'],
])('a JSON body that is %s is refused', async (_what, body) => {
  const answer = await post('application/json', body)
  expect([answer.status, answer.body.code]).toEqual([400, 'VALIDATION_BODY_INVALID'])
})

test('a body that is not UTF-8 is refused', async () => {
  const answer = await post('application/yaml', new Uint8Array([0x64, 0x61, 0xe9, 0x67]))
  expect([answer.status, answer.body.code]).toEqual([400, 'VALIDATION_BODY_INVALID'])
})

test('a body over the limit is refused, and the answer arrives', async () => {
  const answer = await post('application/yaml', 'x'.repeat(17 * 1_048_576))
  expect([answer.status, answer.body.code]).toEqual([413, 'VALIDATION_BODY_TOO_LARGE'])
  expect(answer.body.details).toEqual({ max_bytes: 16 * 1_048_576 })
  const json = await api.call('POST', '/api/v1/models/m/predict', {
    type: 'application/json',
    body: JSON.stringify({ rows: [{ text: 'x'.repeat(1_100_000) }] }),
  })
  expect(json.status).toBe(413)
})

test('a chunked body over the limit is refused without its length being known', async () => {
  const chunk = new Uint8Array(1_048_576).fill(0x78)
  let sent = 0
  const stream = new ReadableStream({
    pull: (controller) => (sent++ < 20 ? controller.enqueue(chunk) : controller.close()),
  })
  const answer = await api.call('POST', '/api/v1/runs', {
    type: 'application/yaml',
    body: stream,
  })
  expect(answer.status).toBe(413)
})

test('a sender that breaks off in the middle of a body disturbs nobody', async () => {
  const { port } = new URL(api.url)
  await new Promise<void>((resolve) => {
    const socket = connect(Number(port), '127.0.0.1', () => {
      socket.write(
        `POST /api/v1/runs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/yaml\r\ncontent-length: 1000\r\n\r\nhalf`,
        () => socket.destroy(),
      )
    })
    socket.on('close', () => resolve())
  })
  expect((await api.call('GET', '/healthz')).status).toBe(200)
})

test('documents can be checked without being stored', async () => {
  const check = (body: string) => api.call('POST', '/api/v1/dags/validate', { type: 'text/yaml', body })
  expect((await check(chainDocument(['a', 'b'], 'checked'))).body).toEqual({
    valid: true,
    name: 'checked',
    operator_count: 2,
    problems: [],
  })
  const broken = await check('dag: [')
  expect(broken.status).toBe(200)
  expect(broken.body).toMatchObject({
    valid: false,
    name: null,
    problems: [{ code: 'yaml_syntax', severity: 'error' }],
  })
  expect((await api.call('GET', '/api/v1/dags')).body.items).toEqual([])
})

test('a DAG is shown with its document, and found by name and version', async () => {
  const source = chainDocument(['a', 'b'], 'shown')
  const created = await api.call('POST', '/api/v1/dags', { type: 'application/yaml', body: source })
  expect(created.status).toBe(201)
  expect(created.headers.get('location')).toBe(`/api/v1/dags/${created.body.id}/versions/1`)
  const again = await api.call('POST', '/api/v1/dags', { type: 'application/yaml', body: source })
  expect([again.status, again.body.is_new]).toEqual([200, false])
  for (const path of [
    `/api/v1/dags/${created.body.id}`,
    '/api/v1/dags/shown',
    '/api/v1/dags/shown/versions/1',
  ]) {
    const { body } = await api.call('GET', path)
    expect(body).toMatchObject({ id: created.body.id, name: 'shown', version: 1, source })
    expect(body.document.dag.operator_list).toEqual(['a', 'b'])
    expect(body.operators[1]).toMatchObject({ id: 'b', executor: 'local', upstream: ['a'], retries: 0 })
  }
  expect((await api.call('GET', '/api/v1/dags/shown/versions/2')).body.code).toBe('NOT_FOUND_DAG')
  expect((await api.call('GET', '/api/v1/dags')).body.items).toMatchObject([{ name: 'shown', version: 1 }])
})

test('algorithms are listed with their parameters; hidden ones on demand', async () => {
  const names = async (query: string) =>
    (await api.call('GET', `/api/v1/algorithms${query}`)).body.items.map(
      (manifest: { algo_name: string }) => manifest.algo_name,
    )
  const listed = await names('')
  expect(listed).toContain('algo_local_model_gbdt')
  expect(listed).not.toContain('algo_local_test_fail')
  expect(await names('?all=true')).toContain('algo_local_test_fail')
})

test('queues are listed with their depth', async () => {
  const { body } = await api.call('GET', '/api/v1/queues')
  expect(body.items).toContainEqual({ queue: 'celeriac.local', messages: 0, consumers: 0 })
})

test('workers are listed', async () => {
  const fleet = await startApi({
    store: api.store,
    workers: () => [
      {
        name: 'worker-1@host',
        alive: true,
        pid: 7,
        queues: ['celeriac.local'],
        concurrency: 4,
        active: 1,
        processed: 9,
        software: 'celeriac 0.1.0',
        lastSeenAt: 0,
      },
    ],
  })
  expect((await fleet.call('GET', '/api/v1/workers')).body.items).toEqual([
    {
      name: 'worker-1@host',
      alive: true,
      pid: 7,
      queues: ['celeriac.local'],
      concurrency: 4,
      active: 1,
      processed: 9,
      software: 'celeriac 0.1.0',
      last_seen_at: '1970-01-01T00:00:00.000Z',
    },
  ])
  await fleet.close()
})
