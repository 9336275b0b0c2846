import type { Broker, PublishOutcome } from '@celeriac/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { chainDocument, readDocument, startApi, type Harness } from './api-harness.ts'

let api: Harness
beforeAll(async () => {
  api = await startApi()
  await api.engine.start()
})
afterAll(() => api.close())

const yaml = 'application/yaml'
const submit = (document: string, headers: Record<string, string> = {}) =>
  api.call('POST', '/api/v1/runs', { type: yaml, body: document, headers })
const stateOf = async (runId: string): Promise<string> =>
  (await api.call('GET', `/api/v1/runs/${runId}`)).body.state
const started = async (ids: string[]): Promise<string> => {
  const { body } = await submit(chainDocument(ids))
  await expect.poll(() => stateOf(body.id)).toBe('running')
  return body.id as string
}

test('a document is registered, run and announced', async () => {
  const answer = await submit(chainDocument(['a', 'b'], 'two-steps'))
  expect(answer.status).toBe(202)
  expect(answer.body).toMatchObject({
    dag_name: 'two-steps',
    dag_version: 1,
    state: 'queued',
    is_new: true,
    operator_count: 2,
    warnings: [],
  })
  expect(answer.headers.get('location')).toBe(`/api/v1/runs/${answer.body.id}`)
  await expect.poll(() => stateOf(answer.body.id)).toBe('running')
  expect(api.engine.messages).toContainEqual({ event: 'run.created', run_id: answer.body.id })
})

test('the same document runs the same version again; JSON is as good as YAML', async () => {
  const source = chainDocument(['x', 'y'])
  const first = await submit(source)
  const second = await api.call('POST', '/api/v1/runs', {
    type: 'application/json; charset=utf-8',
    body: JSON.stringify({ source }),
  })
  expect(second.status).toBe(202)
  expect(second.body.dag_name).toMatch(/^dag-[0-9a-f]{12}$/)
  expect(second.body).toMatchObject({
    dag_id: first.body.dag_id,
    dag_version: first.body.dag_version,
  })
  expect(second.body.id).not.toBe(first.body.id)
})

test('a run shows its operators, what they gave and how they failed', async () => {
  const runId = await started(['a', 'b', 'c'])
  await api.engine.succeed(runId, 0, {
    outputs: { '0': { type: 'Table', uri: 'file:///elsewhere/0', rows: 3 } },
    metrics: { auc: 0.75 },
    compat: [{ param: 'presort', action: 'dropped' }],
  })
  await api.engine.fail(runId, 1, 'no such column')
  const { status, body } = await api.call('GET', `/api/v1/runs/${runId}`)
  expect(status).toBe(200)
  expect(body).toMatchObject({ id: runId, state: 'failed', dag_version: 1 })
  expect(body.finished_at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  expect(body.operators).toMatchObject([
    {
      id: 'a',
      algo_name: 'algo_local_pass_through',
      executor: 'local',
      state: 'succeeded',
      attempt: 1,
      worker: 'worker-1',
      error: null,
      metrics: { auc: 0.75 },
      compat: [{ param: 'presort', action: 'dropped' }],
      outputs: { '0': { type: 'Table', uri: 'file:///elsewhere/0', rows: 3 } },
      upstream: [],
    },
    {
      id: 'b',
      state: 'failed',
      error: {
        code: 'TASK_FAILED',
        message: 'no such column',
        exc_type: 'ValueError',
        traceback: 'Traceback …',
      },
      upstream: ['a'],
    },
    { id: 'c', state: 'upstream_failed', attempt: 0, worker: null },
  ])
})

test('a broken document is refused with every problem and its place', async () => {
  const document = chainDocument(['a', 'b']).replaceAll('algo_local_pass_through', 'algo_local_pas_through')
  const { status, body, headers } = await submit(document)
  expect(status).toBe(422)
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/)
  expect(body).toMatchObject({
    code: 'VALIDATION_DAG_INVALID',
    status: 422,
    type: 'urn:celeriac:error:VALIDATION_DAG_INVALID',
  })
  expect(body.problems).toHaveLength(2)
  expect(body.problems[0]).toMatchObject({
    code: 'unknown_algorithm',
    line: 6,
    path: 'dag.operator_details.a.algo_name',
    suggestion: 'algo_local_pass_through',
  })
})

test('a data set that does not exist is named with the operator that reads it', async () => {
  const { status, body } = await submit(readDocument(4040))
  expect(status).toBe(422)
  expect(body.code).toBe('VALIDATION_DATASET_MISSING')
  expect(body.problems[0]).toMatchObject({
    code: 'dataset_missing',
    path: 'dag.operator_details.read.params.data_id',
  })
  expect(body.problems[0].message).toContain('operator read reads data set 4040')
  expect(body.details.missing).toEqual([{ operator_id: 'read', dataset_id: 4040 }])
})

test('a run keeps the data set that it was pinned to', async () => {
  const upload = (content: string) =>
    api.call('POST', '/api/v1/datasets?id=77&name=pins&rename=b:c&replace=true', {
      type: 'text/csv',
      body: content,
    })
  const first = await upload('a,b\n1,2\n')
  const { body } = await submit(readDocument(77))
  await upload('a,b\n3,4\n')
  const head = await api.store.findRunHead(body.id)
  expect(head?.datasets).toEqual({
    '77': { uri: first.body.uri, format: 'csv', name: 'pins', rename: { b: 'c' } },
  })
})

test('an idempotency key answers with the run that it made first', async () => {
  const headers = { 'idempotency-key': 'key-1' }
  const source = chainDocument(['k1', 'k2'])
  const answers = await Promise.all([
    submit(source, headers),
    submit(source, headers),
    submit(source, headers),
  ])
  expect(answers.map((answer) => answer.status)).toEqual([202, 202, 202])
  expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1)
  expect(answers.filter((answer) => answer.body.is_new)).toHaveLength(1)
  const other = await submit(chainDocument(['other']), headers)
  expect(other.status).toBe(409)
  expect(other.body).toMatchObject({
    code: 'CONFLICT_IDEMPOTENCY_KEY',
    details: { run_id: answers[0].body.id },
  })
})

test('an idempotency key of another shape is refused', async () => {
  const { status, body } = await submit(chainDocument(['a']), { 'idempotency-key': 'x'.repeat(201) })
  expect(status).toBe(400)
  expect(body.problems[0].path).toBe('headers.Idempotency-Key')
})

test('a registered DAG runs by id and by name, in any version', async () => {
  const register = (ids: string[]) =>
    api.call('POST', '/api/v1/dags?name=versions', { type: yaml, body: chainDocument(ids) })
  const { body: first } = await register(['a'])
  const { body: second } = await register(['a', 'b'])
  expect([first.version, second.version]).toEqual([1, 2])
  expect(second.id).toBe(first.id)
  const newest = await api.call('POST', '/api/v1/dags/versions/runs')
  expect(newest.body).toMatchObject({ dag_id: first.id, dag_version: 2, operator_count: 2 })
  const older = await api.call('POST', `/api/v1/dags/${first.id}/runs`, {
    type: 'application/json',
    body: '{"version":1}',
  })
  expect(older.body).toMatchObject({ dag_version: 1, operator_count: 1 })
  const missing = await api.call('POST', '/api/v1/dags/versions/runs', {
    type: 'application/json',
    body: '{"version":9}',
  })
  expect([missing.status, missing.body.code]).toEqual([404, 'NOT_FOUND_DAG'])
})

test('a key that stands for a DAG survives a new version of it', async () => {
  const headers = { 'idempotency-key': 'key-2' }
  const register = (ids: string[]) =>
    api.call('POST', '/api/v1/dags?name=moving', { type: yaml, body: chainDocument(ids) })
  await register(['a'])
  const first = await api.call('POST', '/api/v1/dags/moving/runs', { headers })
  await register(['a', 'b'])
  const retry = await api.call('POST', '/api/v1/dags/moving/runs', { headers })
  expect(retry.body).toMatchObject({ id: first.body.id, is_new: false, dag_version: 1 })
})

test('lists are paged, newest first, and filtered by state', async () => {
  const ids: string[] = []
  for (const name of ['p1', 'p2', 'p3']) ids.unshift(await started([name]))
  const first = await api.call('GET', '/api/v1/runs?limit=2')
  expect(first.body.items.map((run: { id: string }) => run.id)).toEqual(ids.slice(0, 2))
  const second = await api.call('GET', `/api/v1/runs?limit=1&cursor=${first.body.next_cursor}`)
  expect(second.body.items[0].id).toBe(ids[2])
  await api.engine.succeed(ids[1]!, 0)
  const succeeded = await api.call('GET', '/api/v1/runs?state=succeeded')
  expect(succeeded.body.items.map((run: { state: string }) => run.state)).toContain('succeeded')
  expect(new Set(succeeded.body.items.map((run: { state: string }) => run.state)).size).toBe(1)
})

test.each([
  ['/api/v1/runs?limit=0', 'query.limit'],
  ['/api/v1/runs?limit=9999', 'query.limit'],
  ['/api/v1/runs?state=sleeping', 'query.state'],
  ['/api/v1/runs?limti=3', 'query'],
])('the query of %s is refused', async (path, where) => {
  const { status, body } = await api.call('GET', path)
  expect(status).toBe(400)
  expect(body).toMatchObject({ code: 'VALIDATION_BODY_INVALID', problems: [{ path: where }] })
})

test('a cursor that is none of ours is refused, not a defect', async () => {
  const { status } = await api.call('GET', '/api/v1/runs?cursor=%00nonsense')
  expect(status).toBe(400)
})

test.each(['0', '..', '%00', '00000000-0000-0000-0000-000000000000', "'; drop table runs --"])(
  'a run %j does not exist',
  async (id) => {
    const { status } = await api.call(
      'GET',
      `/api/v1/runs/${id.startsWith('%') ? id : encodeURIComponent(id)}`,
    )
    expect([400, 404]).toContain(status)
  },
)

test('a cancel is taken up by the engine before it is answered; twice is no error', async () => {
  const runId = await started(['a', 'b'])
  await api.engine.apply(runId, {
    type: 'started',
    isLeased: false,
    ordinal: 0,
    attempt: 1,
    worker: 'worker-1',
    startedAt: Date.now(),
  })
  const first = await api.call('POST', `/api/v1/runs/${runId}/cancel`)
  expect([first.status, first.body.state]).toEqual([202, 'cancelling'])
  const second = await api.call('POST', `/api/v1/runs/${runId}/cancel`)
  expect([second.status, second.body.state]).toEqual([202, 'cancelling'])
})

test('a finished run cannot be cancelled, a running one not rerun', async () => {
  const runId = await started(['a'])
  const rerun = await api.call('POST', `/api/v1/runs/${runId}/rerun`)
  expect([rerun.status, rerun.body.code]).toEqual([409, 'CONFLICT_RUN_ACTIVE'])
  await api.engine.succeed(runId, 0)
  const cancel = await api.call('POST', `/api/v1/runs/${runId}/cancel`)
  expect([cancel.status, cancel.body.code]).toEqual([409, 'CONFLICT_RUN_FINISHED'])
  const nothing = await api.call('POST', `/api/v1/runs/${runId}/rerun`)
  expect([nothing.status, nothing.body.code]).toEqual([409, 'CONFLICT_RUN_FINISHED'])
})

test('a rerun starts from what failed, or from an operator', async () => {
  const runId = await started(['a', 'b'])
  await api.engine.succeed(runId, 0)
  await api.engine.fail(runId, 1, 'first try')
  const fromFailed = await api.call('POST', `/api/v1/runs/${runId}/rerun`)
  expect(fromFailed.status).toBe(202)
  expect(fromFailed.body.state).toBe('running')
  expect(fromFailed.body.operators).toMatchObject([
    { id: 'a', state: 'succeeded', attempt: 1 },
    {
      id: 'b',
      state: 'ready',
      attempts: [{ attempt: 1, outcome: 'failed', error: { message: 'first try' } }],
    },
  ])
  await api.engine.succeed(runId, 1)
  const only = await api.call('POST', `/api/v1/runs/${runId}/rerun`, {
    type: 'application/json',
    body: '{"from":"a","only":true}',
  })
  expect(only.body.operators).toMatchObject([{ state: 'ready' }, { state: 'succeeded' }])
  await api.engine.succeed(runId, 0)
  const unknown = await api.call('POST', `/api/v1/runs/${runId}/rerun`, {
    type: 'application/json',
    body: '{"from":"z"}',
  })
  expect([unknown.status, unknown.body.code]).toEqual([404, 'NOT_FOUND_OPERATOR'])
})

/** The same store behind a broker with which every publish ends so. */
const withPublishOutcome = (outcome: PublishOutcome | Error): Promise<Harness> =>
  startApi({
    store: api.store,
    broker: {
      publish: () => (outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve([outcome])),
    } as unknown as Broker,
  })

test.each([['unknown'], ['rejected'], [new Error('connection lost')]] as const)(
  'a run is accepted although it cannot be announced (%s)',
  async (outcome) => {
    const mute = await withPublishOutcome(outcome)
    const { status, body } = await mute.call('POST', '/api/v1/runs', {
      type: yaml,
      body: chainDocument(['a']),
    })
    expect([status, body.state]).toEqual([202, 'queued'])
    expect((await mute.call('GET', `/api/v1/runs/${body.id}`)).body.state).toBe('queued')
    await mute.close()
  },
)

test('a cancel that the broker did not take is 503: nothing else would remember it', async () => {
  const runId = await started(['a'])
  const mute = await withPublishOutcome('unknown')
  const { status, body } = await mute.call('POST', `/api/v1/runs/${runId}/cancel`)
  expect([status, body.code]).toEqual([503, 'BROKER_UNAVAILABLE'])
  expect(await stateOf(runId)).toBe('running')
  await mute.close()
})
