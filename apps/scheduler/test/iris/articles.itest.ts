/** The articles' system over HTTP, shape for shape; the worker is played. What it computes: `test/e2e/iris.e2e.ts`. */
import { AppError } from '@celeriac/core'
import { newId, pathOf } from '@celeriac/runtime'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fakePredictions } from '../http/fake-predictions.ts'
import { startApi, token as adminToken, type Harness } from '../http/api-harness.ts'

const password = 'long enough'
const flower = { sepal_len: 5.1, sepal_width: 3.2, petal_len: 1.2, petal_width: 0.3 }
const predictions = fakePredictions((_row, { rows }) => {
  const [{ sepal_len: length }] = rows as readonly [Record<string, unknown>]
  if (length === 404) throw new AppError('NOT_FOUND_MODEL', 'there is no such model')
  if (length === 503) throw new AppError('PREDICT_SHED', 'too many predictions are waiting')
  return { cluster: 2, predict_result: 2 }
})

let api: Harness
beforeAll(async () => {
  api = await startApi({ predictions })
  await api.engine.start()
})
afterAll(() => api.close())

const send = (method: string, path: string, body?: unknown, as: string | null = adminToken) =>
  api.call(method, path, {
    token: null,
    headers: as === null ? {} : { authorization: `Token ${as}` },
    ...(body === undefined ? {} : { type: 'application/json', body: JSON.stringify(body) }),
  })

async function aUser(): Promise<{ username: string; id: string; token: string }> {
  const username = `a${newId().slice(-12)}`
  const { body } = await send('POST', '/api/auth/register', { username, email: 'a@b.c', password }, null)
  return { username, id: body.user.id, token: body.token }
}

test('an account is made, logged into, renewed and logged out of', async () => {
  const { username, id, token } = await aUser()
  const user = { id, username, email: 'a@b.c' }
  expect(await send('GET', '/api/auth/user', undefined, token)).toMatchObject({ status: 200, body: user })
  const login = await send('POST', '/api/auth/login_extend', { username, password }, null)
  expect([login.status, login.body]).toEqual([200, { user, token: expect.stringMatching(/^cel_s_/) }])
  const renewed = await send('POST', '/api/auth/login/', undefined, login.body.token)
  expect([renewed.status, renewed.body]).toEqual([
    200,
    { expiry: expect.stringMatching(/Z$/), token: expect.stringMatching(/^cel_s_/) },
  ])
  // axios sends `null` as the body of a logout.
  const out = await send('POST', '/api/auth/logout/', null, login.body.token)
  expect([out.status, out.body]).toEqual([204, ''])
  const gone = await send('GET', '/api/auth/user', undefined, login.body.token)
  expect([gone.status, gone.body]).toEqual([401, { detail: 'Invalid token.' }])
  expect((await send('POST', '/api/auth/logoutall/', null, renewed.body.token)).status).toBe(204)
  for (const each of [token, renewed.body.token])
    expect((await send('GET', '/api/auth/user', undefined, each)).status).toBe(401)
})

test('what is wrong with an account is told by field, in the words of the articles', async () => {
  const { username } = await aUser()
  const register = async (body: object) => (await send('POST', '/api/auth/register', body, null)).body
  expect(await register({})).toEqual({
    username: ['This field is required.'],
    password: ['This field is required.'],
  })
  expect(await register({ username, email: '', password })).toEqual({
    username: ['A user with that username already exists.'],
  })
  expect(Object.keys(await register({ username: 'a b', email: 'nobody', password: 'short' }))).toEqual([
    'username',
    'email',
    'password',
  ])
  const wrong = await send('POST', '/api/auth/login_extend', { username, password: 'wrong' }, null)
  expect([wrong.status, wrong.body]).toEqual([400, { non_field_errors: ['Incorrect Credentials'] }])
  const nobody = await send('GET', '/api/auth/user', undefined, null)
  expect([nobody.status, nobody.body]).toEqual([
    401,
    { detail: 'Authentication credentials were not provided.' },
  ])
})

test('who registers is a viewer: reads and predicts, and neither changes nor trains', async () => {
  const { token } = await aUser()
  expect((await send('GET', '/api/iris/', undefined, token)).status).toBe(200)
  expect((await send('POST', '/api/predict', flower, token)).status).toBe(200)
  for (const [method, path, body] of [
    ['POST', '/api/iris/', flower],
    ['PATCH', '/api/iris/1/', { category: 'x' }],
    ['DELETE', '/api/iris/1/', undefined],
    ['POST', '/api/train', { cluster_number: 3 }],
  ] as const) {
    const answer = await send(method, path, body, token)
    expect([method, answer.status, answer.body]).toEqual([method, 403, { detail: expect.any(String) }])
  }
})

test('the token of an API program gives no login', async () => {
  const made = await send('POST', '/api/v1/tokens', { name: 'program', scopes: ['read'] })
  const answer = await send('POST', '/api/auth/login/', undefined, made.body.secret)
  expect([answer.status, answer.body]).toEqual([403, { detail: expect.any(String) }])
})

test('a row is added, read in every spelling, replaced, changed and removed', async () => {
  const made = await send('POST', '/api/iris/', { ...flower, petal_width: ' 0.3 ', category: ' new ' })
  const row = { id: made.body.id, ...flower, category: 'new' }
  expect([made.status, made.body]).toEqual([201, row])
  const { id } = row
  for (const path of [`/api/iris/${id}/`, `/api/iris/${id}`, `/api/iris/${id}.json`])
    expect((await send('GET', path)).body).toEqual(row)
  for (const path of ['/api/iris/', '/api/iris', '/api/iris.json']) {
    const { body } = await send('GET', path)
    expect([body[0].id, body.at(-1)]).toEqual([1, row])
  }
  const put = await send('PUT', `/api/iris/${id}/`, { ...flower, sepal_len: 7 })
  expect([put.status, put.body]).toEqual([200, { ...row, sepal_len: 7 }])
  const patch = await send('PATCH', `/api/iris/${id}/`, { category: '' })
  expect([patch.status, patch.body]).toEqual([200, { ...row, sepal_len: 7, category: '' }])
  const removed = await send('DELETE', `/api/iris/${id}/`)
  expect([removed.status, removed.body]).toEqual([204, ''])
  for (const [method, path] of [
    ['GET', `/api/iris/${id}/`],
    ['DELETE', `/api/iris/${id}/`],
    ['GET', '/api/iris/abc/'],
    ['GET', '/api/iris/99999999999/'],
    ['GET', '/api/iris/%00/'],
  ] as const) {
    const answer = await send(method, path)
    expect([path, answer.status, answer.body]).toEqual([path, 404, { detail: 'Not found.' }])
  }
  const { items } = (await send('GET', '/api/v1/audit?limit=4')).body
  expect(items.map(({ action, target }: Record<string, unknown>) => [action, target])).toEqual(
    ['iris.delete', 'iris.update', 'iris.update', 'iris.create'].map((action) => [action, String(id)]),
  )
})

test('a row that does not fit is told by field', async () => {
  const bad = await send('POST', '/api/iris/', {
    sepal_width: null,
    petal_len: 'long',
    petal_width: 1e13,
    category: 'x'.repeat(501),
  })
  expect([bad.status, bad.body]).toEqual([
    400,
    {
      sepal_len: ['This field is required.'],
      sepal_width: ['This field may not be null.'],
      petal_len: ['A valid number is required.'],
      petal_width: ['Ensure this value is less than or equal to 1000000000000.'],
      category: ['Ensure this field has no more than 500 characters.'],
    },
  ])
  const list = await send('POST', '/api/iris/', [flower])
  expect([list.status, list.body]).toEqual([
    400,
    { non_field_errors: ['Invalid data. Expected a dictionary.'] },
  ])
  const method = await send('DELETE', '/api/iris/')
  expect([method.status, method.body, method.headers.get('allow')]).toEqual([
    405,
    { detail: expect.any(String) },
    'GET, HEAD, POST, OPTIONS',
  ])
})

const train = async (clusters: unknown) => send('POST', '/api/train', { cluster_number: clusters })
const trained = async (id: string) => (await send('GET', `/api/train?train_task_id=${id}`)).body

async function startTraining(clusters: unknown = 3): Promise<string> {
  const { status, body } = await train(clusters)
  expect([status, body]).toEqual([201, { train_task_id: expect.stringMatching(/^[0-9a-f-]{36}$/) }])
  await expect.poll(async () => (await api.store.findRunHead(body.train_task_id))?.state).toBe('running')
  return body.train_task_id
}

test('a training reads the table by reference; the same rows again are the same data set', async () => {
  const rows = (await send('GET', '/api/iris/')).body.length
  const runs = [await startTraining(3), await startTraining('4')]
  const plans = await Promise.all(runs.map(async (id) => (await api.store.findRun(id))!.plan.operators))
  const [first, second] = plans.map(([read]) => Number(read!.params['data_id']))
  expect(first).toBe(second)
  expect(await api.store.findDatasets([first!])).toMatchObject([{ rows, format: 'csv' }])
  const kmeans = plans.map(([, each]) => each!.params)
  expect(kmeans).toMatchObject([{ n_clusters: 3 }, { n_clusters: 4 }])
  // Somebody puts another file under the number: it is not trained on.
  await api.call('POST', `/api/v1/datasets?id=${first}&replace=true`, { type: 'text/csv', body: 'a\n1\n' })
  const [read] = (await api.store.findRun(await startTraining()))!.plan.operators
  expect(Number(read!.params['data_id'])).not.toBe(first)
})

test('a training that is under way has no result; one that is done has its rows', async () => {
  const id = await startTraining()
  expect(await trained(id)).toEqual({ status: 'PENDING', result: [] })
  await api.engine.succeed(id, 0)
  expect(await trained(id)).toEqual({ status: 'STARTED', result: [] })
  const uri = api.deps.artifacts.portUri({ runId: id, operatorId: 'kmeans', attempt: 1 }, 1)
  await mkdir(pathOf(uri), { recursive: true })
  await cp(join(import.meta.dirname, 'clusters.parquet'), join(pathOf(uri), 'table.parquet'))
  await api.engine.succeed(id, 1, { outputs: { '1': { type: 'Table', uri, rows: 2 } } })
  expect((await trained(id)).status).toBe('STARTED')
  await api.engine.succeed(id, 2)
  expect(await trained(id)).toEqual({
    status: 'SUCCESS',
    result: [
      { ...flower, cluster: 1 },
      { sepal_len: 6, sepal_width: 3, petal_len: 4.8, petal_width: 1.8, cluster: 0 },
    ],
  })
  // Retention has deleted it, or something else lies there.
  await writeFile(join(pathOf(uri), 'table.parquet'), 'no table')
  const deleted = await send('GET', `/api/train?train_task_id=${id}`)
  expect([deleted.status, deleted.body]).toEqual([404, { detail: expect.stringContaining('cannot be read') }])
})

test('a training that fails says so, with its error; one that is cancelled is revoked', async () => {
  const failed = await startTraining()
  await api.engine.fail(failed, 0, 'the file is gone')
  expect(await trained(failed)).toEqual({
    status: 'FAILURE',
    result: [],
    error: {
      code: 'TASK_FAILED',
      type: 'ValueError',
      message: 'the file is gone',
      traceback: 'Traceback …',
    },
  })
  const cancelled = await startTraining()
  await api.engine.apply(cancelled, { type: 'cancel_requested' })
  expect(await trained(cancelled)).toEqual({ status: 'REVOKED', result: [] })
})

test.each([
  [0, 'Ensure this value is greater than or equal to 1.'],
  [-1, 'Ensure this value is greater than or equal to 1.'],
  ['0', 'Ensure this value is greater than or equal to 1.'],
  ['abc', 'A valid integer is required.'],
  [2.5, 'A valid integer is required.'],
  [true, 'A valid integer is required.'],
  [null, 'This field may not be null.'],
  [undefined, 'This field is required.'],
  // 150 rows, three of which are there twice.
  [148, 'Ensure this value is less than or equal to 147.'],
  [151, 'Ensure this value is less than or equal to 147.'],
])('%j clusters are refused', async (clusters, message) => {
  const { status, body } = await train(clusters)
  expect([status, body]).toEqual([400, { cluster_number: [message] }])
})

test('ids of no training are 404, never PENDING', async () => {
  const other = await api.call('POST', '/api/v1/runs', {
    type: 'application/yaml',
    body: 'dag: {operator_list: [a], operator_rels: {}, operator_details: {a: {algo_name: algo_local_pass_through, params: {}}}}',
  })
  for (const id of [newId(), 'abc', other.body.id]) {
    const answer = await send('GET', `/api/train?train_task_id=${id}`)
    expect([answer.status, answer.body]).toEqual([404, { detail: expect.any(String) }])
  }
  const missing = await send('GET', '/api/train')
  expect([missing.status, missing.body]).toEqual([400, { train_task_id: ['This field is required.'] }])
})

test('a flower gets its cluster; null while nothing is trained', async () => {
  const answer = await send('POST', '/api/predict', { ...flower, sepal_len: '5.1' })
  expect([answer.status, answer.body]).toEqual([200, { predicted_cluster: 2 }])
  expect(answer.headers.get('x-model-version')).toBe('1')
  expect(predictions.asked.at(-1)).toMatchObject({ name: 'iris-kmeans', rows: [flower] })
  const none = await send('POST', '/api/predict', { ...flower, sepal_len: 404 })
  expect([none.status, none.body]).toEqual([200, { predicted_cluster: null }])
  const shed = await send('POST', '/api/predict', { ...flower, sepal_len: 503 })
  expect([shed.status, shed.body, shed.headers.get('retry-after')]).toEqual([
    503,
    { detail: 'too many predictions are waiting' },
    '1',
  ])
  const bad = await send('POST', '/api/predict', { sepal_len: 1, sepal_width: '', petal_len: [] })
  expect([bad.status, Object.keys(bad.body)]).toEqual([400, ['sepal_width', 'petal_len', 'petal_width']])
})

test('with the switch, train and predict answer JSON inside of JSON; the audit log still knows the id', async () => {
  const double = await startApi({ predictions, store: api.store, isArticlesJsonDouble: true })
  try {
    const post = (path: string, body: unknown) =>
      double.call('POST', path, { type: 'application/json', body: JSON.stringify(body) })
    const started = await post('/api/train', { cluster_number: '3' })
    expect([started.status, typeof started.body]).toEqual([201, 'string'])
    const { train_task_id: id } = JSON.parse(started.body)
    const polled = await double.call('GET', `/api/train?train_task_id=${id}`)
    expect(JSON.parse(polled.body)).toEqual({ status: 'PENDING', result: [] })
    const predicted = await post('/api/predict', flower)
    expect([predicted.status, predicted.body]).toEqual([201, '{"predicted_cluster":2}'])
    const [{ action, target }] = (await double.call('GET', '/api/v1/audit?limit=1')).body.items
    expect([action, target]).toEqual(['iris.train', id])
    // The rest is as ever.
    expect((await double.call('GET', '/api/iris/1/')).body.id).toBe(1)
  } finally {
    await double.close()
  }
})
