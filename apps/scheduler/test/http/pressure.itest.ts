/** What the API answers while the platform can take no new work, or has enough of it. */
import { AppError } from '@celeriac/core'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { chainDocument, startApi, type Answer, type CallOptions, type Harness } from './api-harness.ts'

let api: Harness
let refusal: AppError | null = null
let maxOpenRunsPerDag: number | null = null

beforeAll(async () => {
  const require = (): Promise<void> => (refusal === null ? Promise.resolve() : Promise.reject(refusal))
  api = await startApi({
    intake: {
      require,
      take: async (work) => {
        await require()
        return work()
      },
      watch: (work) => work,
    },
    admission: {
      gate: () => ({ maxOpenRuns: null, maxOpenRunsPerDag, isAdmitted: true }),
      kick: () => undefined,
    },
    readiness: () => Promise.resolve({ ready: refusal === null, checks: { broker: 'blocked' } }),
  })
  await api.engine.start()
})
afterAll(() => api?.close())
beforeEach(() => {
  refusal = null
  maxOpenRunsPerDag = null
})

const yaml = (name: string): CallOptions => ({
  type: 'application/yaml',
  body: chainDocument(['a'], name),
})
const submit = (name: string, headers: Record<string, string> = {}): Promise<Answer> =>
  api.call('POST', '/api/v1/runs', { ...yaml(name), headers })

const refusals = [
  new AppError('BROKER_UNAVAILABLE', 'the broker takes no messages at the moment; nothing was accepted'),
  new AppError('STORE_UNAVAILABLE', 'the database does not answer or takes no writes; nothing was accepted'),
  new AppError('STORE_FULL', 'the artifact store has too little space; nothing was accepted'),
]

test.each(refusals.map((each) => [each.code, each] as const))(
  '%s: new work is refused with Retry-After, nothing is stored, and reading goes on',
  async (code, given) => {
    const { body: run } = await submit('before')
    await api.call('PUT', '/api/v1/schedules/nightly', {
      type: 'application/json',
      body: '{"when":{"every":"1h"},"target":{"dag":"before"}}',
    })
    const before = await Promise.all(
      ['runs', 'dags', 'datasets', 'schedules/nightly/firings'].map((path) =>
        api.call('GET', `/api/v1/${path}`),
      ),
    )
    refusal = given
    const answers = await Promise.all([
      submit('after'),
      api.call('POST', '/api/v1/dags/before/runs'),
      api.call('POST', `/api/v1/runs/${run.id}/rerun`),
      api.call('POST', '/api/v1/schedules/nightly/trigger'),
      api.call('POST', '/api/v1/datasets', { type: 'text/csv', body: 'a\n1\n' }),
    ])
    for (const { status, headers, body } of answers) {
      expect([status, body.code]).toEqual([given.status, code])
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    }
    const after = await Promise.all(
      ['runs', 'dags', 'datasets', 'schedules/nightly/firings'].map((path) =>
        api.call('GET', `/api/v1/${path}`),
      ),
    )
    expect(after.map(({ body }) => body.items.length)).toEqual(before.map(({ body }) => body.items.length))
    expect(after.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect((await api.call('GET', `/api/v1/runs/${run.id}/explain`)).status).toBe(200)
  },
)

test('a scheduler that is not ready says when to ask again', async () => {
  refusal = refusals[0]!
  const { status, headers } = await api.call('GET', '/readyz')
  expect([status, headers.get('retry-after')]).toEqual([503, '1'])
})

test('as many runs of a DAG are accepted as may be open; a repetition of an accepted one is answered as before', async () => {
  maxOpenRunsPerDag = 2
  const first = await submit('limited', { 'idempotency-key': 'one' })
  await submit('limited')
  const refused = await submit('limited')
  expect(refused).toMatchObject({
    status: 429,
    body: { code: 'LIMIT_OPEN_RUNS', details: { scope: 'dag', limit: 2, open_runs: 2 } },
  })
  expect(refused.headers.get('retry-after')).toBe('5')
  const again = await submit('limited', { 'idempotency-key': 'one' })
  expect(again).toMatchObject({ status: 202, body: { id: first.body.id, is_new: false } })
  await api.call('POST', `/api/v1/runs/${first.body.id}/cancel`)
  await expect.poll(async () => (await submit('limited')).status).toBe(202)
})

test('a schedule that is triggered is limited like any other submission', async () => {
  await submit('triggered')
  await api.call('PUT', '/api/v1/schedules/limited', {
    type: 'application/json',
    body: '{"when":{"every":"1h"},"target":{"dag":"triggered"}}',
  })
  maxOpenRunsPerDag = 1
  expect(await api.call('POST', '/api/v1/schedules/limited/trigger')).toMatchObject({
    status: 429,
    body: { code: 'LIMIT_OPEN_RUNS' },
  })
})

test('a document may limit the active runs of its DAG: the second one waits, and explain says for what', async () => {
  const document = `max_active_runs: 1\n${chainDocument(['a', 'b'], 'narrow')}`
  const post = () => api.call('POST', '/api/v1/runs', { type: 'application/yaml', body: document })
  const [first, second] = [await post(), await post()]
  const look = { maxActiveRuns: null, limit: 10, countOpenTo: 0 }
  expect((await api.store.admitRuns(look)).runs.map(({ id }) => id)).toEqual([first.body.id])
  const explain = (path: string) => api.call('GET', `/api/v1/runs/${second.body.id}${path}`)
  expect((await explain('/explain')).body).toMatchObject({
    state: 'queued',
    summary: 'the run waits: 1 of 1 runs of the DAG narrow are active; it is the next of its DAG',
    reasons: [{ code: 'run_waits_for_dag_limit', details: { limit: 1, active_of_dag: 1 } }],
    operators: [{ operator_id: 'a' }, { operator_id: 'b' }],
    left_out: 0,
  })
  expect((await explain('/explain?limit=1')).body).toMatchObject({
    operators: [{ operator_id: 'a' }],
    left_out: 1,
  })
  expect((await explain('/operators/b/explain')).body).toMatchObject({
    operator_id: 'b',
    state: 'pending',
    reasons: [{ code: 'run_waits_for_dag_limit' }, { code: 'waits_for_upstream' }],
  })
})

test('what does not exist is not explained', async () => {
  const { body: run } = await submit('explained')
  const none = '00000000-0000-0000-0000-000000000000'
  const codes = await Promise.all(
    [`${none}/explain`, 'x/explain', `${none}/operators/a/explain`, `${run.id}/operators/z/explain`].map(
      async (path) => (await api.call('GET', `/api/v1/runs/${path}`)).body.code,
    ),
  )
  expect(codes).toEqual(['NOT_FOUND_RUN', 'NOT_FOUND_RUN', 'NOT_FOUND_RUN', 'NOT_FOUND_OPERATOR'])
})
