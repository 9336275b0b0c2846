/** Training and tasks over HTTP, with the test as engine and worker. */
import { taskEventSchema, taskNewsSchema, type TaskEventView } from '@celeriac/contracts'
import { createPgliteStores } from '@celeriac/store'
import { copyEmbeddedDatabase, eventsUntil, receivedEvents, type ReceivedEvent } from '@celeriac/testkit'
import { pathOf } from '@celeriac/runtime'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startApi, token, type Harness } from './api-harness.ts'

let api: Harness
let stores: ReturnType<typeof createPgliteStores>
let dataDir: string

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'celeriac-tasks-'))
  await copyEmbeddedDatabase(join(dataDir, 'pglite'))
  stores = createPgliteStores({ dataDir: join(dataDir, 'pglite') })
  await stores.store.start()
  await stores.taskResults.start()
  api = await startApi({ store: stores.store })
  await api.engine.start()
  const csv = { type: 'text/csv', body: 'ID,x,y\n1,2,0\n2,3,1\n3,4,1\n' }
  await api.call('POST', '/api/v1/datasets?id=7', csv)
})
afterAll(async () => {
  await api?.close()
  await stores?.taskResults.stop()
  await stores?.store.stop()
  await rm(dataDir, { recursive: true, force: true })
})

const training = { algorithm: 'algo_local_model_2c_l', dataset: 7, target: 'y', features: ['x'] }

const post = (path: string, body: object, headers: Record<string, string> = {}) =>
  api.call('POST', path, { type: 'application/json', body: JSON.stringify(body), headers })

/** The id of a training whose first operator is on its way. */
async function trainNow(body: object = {}): Promise<string> {
  const { body: task } = await post('/api/v1/train', { ...training, ...body })
  await expect.poll(async () => (await api.store.findRunHead(task.task_id))?.state).toBe('running')
  return task.task_id
}

const getTask = async (id: string) => (await api.call('GET', `/api/v1/tasks/${id}`)).body

async function watch(id: string, lastEventId?: string): Promise<Response> {
  return fetch(`${api.url}/api/v1/tasks/${id}/events`, {
    headers: {
      authorization: `Bearer ${token}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
  })
}

const progress = (id: string, ordinal: number, current: number) =>
  api.engine.apply(id, {
    type: 'progressed',
    ordinal,
    attempt: 1,
    progress: { current, total: 10, message: `tree ${current}` },
  })

test('a training is a DAG and a task', async () => {
  const answer = await post('/api/v1/train', { ...training, name: 'first' })
  expect(answer.status).toBe(202)
  const id: string = answer.body.task_id
  expect(answer.headers.get('location')).toBe(`/api/v1/tasks/${id}`)
  expect(answer.body).toMatchObject({ run_id: id, dag_name: 'train-first', dag_version: 1, is_new: true })
  const { body: dag } = await api.call('GET', '/api/v1/dags/train-first')
  expect(dag.operators.map((operator: { id: string }) => operator.id)).toEqual(['read', 'train'])
  expect((await getTask(id)).stages.map((stage: { id: string }) => stage.id)).toEqual(['read', 'train'])
})

test('the same key with the same request is the same task, and with another one a conflict', async () => {
  const key = { 'idempotency-key': 'train-once' }
  const first = await post('/api/v1/train', training, key)
  const again = await post('/api/v1/train', training, key)
  expect([again.status, again.body.task_id, again.body.is_new]).toEqual([202, first.body.task_id, false])
  const other = await post('/api/v1/train', { ...training, params: { C: 2 } }, key)
  expect([other.status, other.body.code]).toEqual([409, 'CONFLICT_IDEMPOTENCY_KEY'])
})

test('the schedule of a DAG of that name is not taken away', async () => {
  const { body: made } = await post('/api/v1/train', { ...training, name: 'nightly' })
  const source = (await api.store.findDagVersion({ idOrName: 'train-nightly' }))!.source
  const scheduled = `${source}\nschedule: {cron: "0 2 * * *"}\n`
  await api.call('POST', '/api/v1/dags', { type: 'application/yaml', body: scheduled })
  const other = await post('/api/v1/train', { ...training, name: 'nightly', params: { C: 2 } })
  expect([other.status, other.body.code]).toEqual([409, 'CONFLICT_DAG_SETTINGS'])
  expect((await api.call('GET', '/api/v1/schedules/train-nightly')).status).toBe(200)
  const same = await post('/api/v1/train', { ...training, name: 'nightly' })
  expect([same.status, same.body.dag_version]).toEqual([202, made.dag_version])
})

test('all problems of a request are told, and nothing is run', async () => {
  const { items: before } = (await api.call('GET', '/api/v1/dags?limit=200')).body
  const { status, body } = await post('/api/v1/train', {
    algorithm: 'algo_local_model_2c_1',
    dataset: 7,
    target: 'z',
    split: { column: 'Id', modulus: 5 },
  })
  expect([status, body.code]).toEqual([422, 'VALIDATION_TRAINING_INVALID'])
  expect(body.problems.map(({ path }: { path: string }) => path)).toEqual([
    'algorithm',
    'target',
    'split.column',
  ])
  expect(body.problems[0].suggestion).toBe('algo_local_model_2c_l')
  expect(body.problems[2].suggestion).toBe('ID')
  expect((await api.call('GET', '/api/v1/dags?limit=200')).body.items).toHaveLength(before.length)
})

describe('unknown ids are 404', () => {
  const unknown = ['01a1fc1c-c625-74b9-83de-9685714d747d', 'nonsense', "x'; drop table runs"]
  test.each(unknown)('%s', async (id) => {
    const path = `/api/v1/tasks/${encodeURIComponent(id)}`
    for (const [method, rest] of [
      ['GET', ''],
      ['GET', '/result'],
      ['GET', '/events'],
      ['GET', '/logs'],
      ['POST', '/cancel'],
    ] as const) {
      const { status, body } = await api.call(method, path + rest)
      expect([rest, status, body.code]).toEqual([rest, 404, 'NOT_FOUND_TASK'])
    }
  })
})

test('a task tells of its progress, its result and the version that it made', async () => {
  const id = await trainNow({ deploy: { name: 'told' } })
  const events = receivedEvents(await watch(id))
  await eventsUntil(events, ({ event }) => event === 'task')
  expect((await api.call('GET', `/api/v1/tasks/${id}/result`)).body.code).toBe('CONFLICT_TASK_ACTIVE')
  await api.engine.succeed(id, 0)
  await api.engine.apply(id, {
    type: 'started',
    ordinal: 1,
    attempt: 1,
    worker: 'w',
    startedAt: 1,
    isLeased: false,
  })
  await progress(id, 1, 4)
  await expect
    .poll(() => getTask(id))
    .toMatchObject({
      state: 'PROGRESS',
      progress: { n: 1.4, total: 3, percent: 46.67, message: 'train: tree 4' },
      result: null,
    })
  const isTold = (percent: number) => (event: ReceivedEvent) =>
    event.event === 'progress' && taskNewsSchema.parse(event.data).progress.percent === percent
  const before = await eventsUntil(events, isTold(46.67))
  const table = { type: 'Model' as const, uri: 'file:///x/0' }
  await api.engine.succeed(id, 1, { outputs: { '0': table }, metrics: { train_time_s: 2, auc: 0.5 } })
  await api.engine.succeed(id, 2, {
    deployment: { name: 'told', alias: 'champion', model_uri: 'file:///x/1' },
    metrics: { ignored: 1 },
  })
  const told: TaskEventView[] = [...before, ...(await eventsUntil(events, ({ event }) => event === 'end'))]
    .filter(({ event }) => event !== 'comment')
    .map((event) => taskEventSchema.parse(event))
  const percents = told.flatMap(({ event, data }) => (event === 'progress' ? [data.progress.percent] : []))
  expect(percents).toEqual(percents.toSorted((a, b) => a - b))
  const end = told.at(-1)!
  expect(end.data).toMatchObject({
    state: 'SUCCESS',
    progress: { percent: 100 },
    result: {
      model: { name: 'told', version: 1 },
      metrics: { train_time_s: 2, auc: 0.5 },
      outputs: [{ operator_id: 'train', port: 0, type: 'Model' }],
    },
  })
  const { body: result } = await api.call('GET', `/api/v1/tasks/${id}/result`)
  expect(result).toMatchObject({ state: 'SUCCESS', result: { model: { name: 'told', version: 1 } } })
  expect((await watch(id, end.id)).status).toBe(204)
})

test('a task that failed has the error of the stage that failed', async () => {
  const id = await trainNow()
  await api.engine.fail(id, 0, 'no such file')
  await expect.poll(async () => (await getTask(id)).state).toBe('FAILURE')
  const { body } = await api.call('GET', `/api/v1/tasks/${id}/result`)
  expect(body).toMatchObject({
    result: null,
    error: { code: 'TASK_FAILED', message: 'no such file', operator_id: 'read', traceback: 'Traceback …' },
  })
})

test('a task that is cancelled is REVOKED, and cannot be cancelled again', async () => {
  const id = await trainNow()
  const { status, body } = await api.call('POST', `/api/v1/tasks/${id}/cancel`)
  expect(status).toBe(202)
  expect(body.is_cancelling || body.state === 'REVOKED').toBe(true)
  const { attempt } = (await api.store.findRun(id))!.tasks[0]!
  await api.engine.apply(id, { type: 'revoked', ordinal: 0, attempt, reason: 'terminated' })
  await expect.poll(async () => (await getTask(id)).state).toBe('REVOKED')
  expect((await api.call('POST', `/api/v1/tasks/${id}/cancel`)).body.code).toBe('CONFLICT_RUN_FINISHED')
})

test('logs are those of the stage that trains, unless another one is named', async () => {
  const id = await trainNow()
  expect((await api.call('GET', `/api/v1/tasks/${id}/logs`)).body).toMatchObject({
    stage: 'train',
    lines: [],
  })
  expect((await api.call('GET', `/api/v1/tasks/${id}/logs?stage=read`)).body).toMatchObject({ stage: 'read' })
  expect((await api.call('GET', `/api/v1/tasks/${id}/logs?stage=x`)).body.code).toBe('NOT_FOUND_OPERATOR')
})

test('a plain task is known by its stored result, and can only be read', async () => {
  await stores.taskResults.storeTaskResults({
    results: [{ taskId: 'plain-1', status: 'SUCCESS', meta: '{"status":"SUCCESS","result":5}' }],
    expiresMs: null,
  })
  expect(await getTask('plain-1')).toMatchObject({ state: 'SUCCESS', run_id: null, result: { value: 5 } })
  for (const [method, rest] of [
    ['GET', '/events'],
    ['GET', '/logs'],
    ['POST', '/cancel'],
  ] as const)
    expect((await api.call(method, `/api/v1/tasks/plain-1${rest}`)).body.code).toBe('CONFLICT_TASK_PLAIN')
})

describe('a batch prediction', () => {
  const deployment = {
    name: 'batch',
    alias: 'champion',
    model_uri: 'file:///x/batch',
    signature: { inputs: [{ name: 'x', type: 'number', nullable: false }], outputs: [] },
  }
  const deploy = async (uri: string, inputs: object[] = deployment.signature.inputs): Promise<void> => {
    const id = await trainNow()
    await api.engine.succeed(id, 0)
    const signature = { inputs, outputs: [] }
    await api.engine.succeed(id, 1, { deployment: { ...deployment, model_uri: uri, signature } as never })
  }

  test('is pinned to the version that is champion when it is submitted', async () => {
    await deploy('file:///x/batch-1')
    const body = { dataset: 7, keep: ['ID'], format: 'csv' }
    const { status, body: task } = await post('/api/v1/models/batch/batch-predict', body)
    expect([status, task.model]).toEqual([202, { name: 'batch', version: 1 }])
    await deploy('file:///x/batch-2')
    const { plan } = (await api.store.findRun(task.run_id))!
    expect(plan.operators[0]!.params).toMatchObject({
      data_id: 7,
      deployment: 'file:///x/batch-1',
      model_name: 'batch',
      model_version: 1,
      keep_cols: ['ID'],
      output_format: 'csv',
    })
    const named = await post('/api/v1/models/batch/batch-predict', { ...body, version: 1 })
    expect(named.body.model.version).toBe(1)
    const newest = await post('/api/v1/models/batch/batch-predict', body)
    expect(newest.body.model.version).toBe(2)
  })

  test('with a model of the longest name has a DAG as well', async () => {
    const name = '模'.repeat(200)
    const id = await trainNow()
    await api.engine.succeed(id, 0)
    await api.engine.succeed(id, 1, { deployment: { ...deployment, name } as never })
    const path = `/api/v1/models/${encodeURIComponent(name)}/batch-predict`
    const { status, body } = await post(path, { dataset: 7 })
    expect([status, body.dag_name]).toEqual([202, `batch-predict-${name}`.slice(0, 200)])
  })

  test('of a data set that lacks columns is refused with all of them', async () => {
    await deploy('file:///x/batch-3', [
      { name: 'xx', type: 'number', nullable: false },
      { name: 'elsewhere', type: 'string', nullable: true },
    ])
    const { status, body } = await post('/api/v1/models/batch/batch-predict', { dataset: 7, keep: ['yy'] })
    expect([status, body.code]).toEqual([422, 'VALIDATION_TRAINING_INVALID'])
    expect(body.problems.map(({ path, suggestion }: Record<string, unknown>) => [path, suggestion])).toEqual([
      ['dataset', 'x'],
      ['dataset', null],
      ['keep.0', 'y'],
    ])
  })
})

test('a table is downloaded byte by byte; what was not written, or lies elsewhere, is not', async () => {
  const id = await trainNow()
  const uri = api.deps.artifacts.portUri({ runId: id, operatorId: 'read', attempt: 1 }, 0)
  await mkdir(pathOf(uri), { recursive: true })
  const bytes = new Uint8Array(600_000).map((_, index) => index % 251)
  await writeFile(join(pathOf(uri), 'table.parquet'), bytes)
  const outside = { type: 'Table' as const, uri: 'file:///etc' }
  await api.engine.succeed(id, 0, { outputs: { '0': { type: 'Table', uri, rows: 1 }, '1': outside } })
  const path = `/api/v1/runs/${id}/operators/read/outputs`
  const headers = { authorization: `Bearer ${token}` }
  const answer = await fetch(`${api.url}${path}/0/download`, { headers })
  expect([answer.status, answer.headers.get('content-length')]).toEqual([200, '600000'])
  expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true)
  const head = await fetch(`${api.url}${path}/0/download`, { headers, method: 'HEAD' })
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '600000'])
  for (const rest of ['/0/download?format=csv', '/1/download', '/2/download'])
    expect((await api.call('GET', path + rest)).body.code).toBe('NOT_FOUND_OUTPUT')
})
