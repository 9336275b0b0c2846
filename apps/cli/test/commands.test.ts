import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  anOperator,
  aRun,
  problem,
  runCli,
  stubServer,
  type Respond,
  type StubServer,
} from './cli-harness.ts'

let directory: string
let server: StubServer
let respond: Respond
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'celeriac-cli-'))
  respond = () => problem(404, 'NOT_FOUND_ROUTE', 'there is no such route')
  server = await stubServer((asked) => respond(asked))
})
afterEach(async () => {
  await server.close()
  await rm(directory, { recursive: true, force: true })
})

const { operators: _operators, submitted_by: _submittedBy, ...summary } = aRun()
const submitted = { ...summary, state: 'queued', is_new: true, operator_count: 1, warnings: [] }
const document = async (text: string): Promise<string> => {
  const file = join(directory, 'dag.yaml')
  await writeFile(file, text)
  return file
}

test('run submits the file as it is and says how to follow it', async () => {
  respond = () => ({ status: 202, body: submitted })
  const { code, out } = await server.run(
    'run',
    await document('dag: 读'),
    '--name',
    'x y',
    '--idempotency-key',
    'k',
  )
  expect(code).toBe(0)
  expect(server.asked).toMatchObject([
    {
      method: 'POST',
      url: '/api/v1/runs?name=x+y',
      body: 'dag: 读',
      headers: { authorization: 'Bearer t', 'content-type': 'application/yaml', 'idempotency-key': 'k' },
    },
  ])
  expect(out).toContain(`celeriac status ${submitted.id} --watch`)
})

test('run --json prints the answer and nothing else', async () => {
  respond = () => ({ status: 202, body: submitted })
  const { out } = await server.run('run', await document('x'), '--json')
  expect(JSON.parse(out)).toEqual(submitted)
})

test('a refused document is printed with file, line and column; exit code 4', async () => {
  const problems = [
    {
      code: 'cycle',
      severity: 'error',
      message: 'a → b → a',
      line: 4,
      column: 2,
      path: 'dag',
      suggestion: null,
    },
  ]
  respond = () => problem(422, 'VALIDATION_DAG_INVALID', 'the DAG document has problems', { problems })
  const file = await document('x')
  const plain = await server.run('run', file)
  expect(plain.code).toBe(4)
  expect(plain.err).toContain(`${file}:4:2: error cycle: a → b → a`)
  const json = await server.run('run', file, '--json')
  expect(JSON.parse(json.err)).toMatchObject({
    error: { reason: 'invalid', code: 'VALIDATION_DAG_INVALID', problems },
  })
})

test('run --watch prints each change once and ends with the run', async () => {
  const operator = (state: 'queued' | 'running' | 'succeeded') =>
    anOperator({ id: 'train', state, attempt: 1, metrics: state === 'succeeded' ? { auc: 0.75 } : {} })
  const states = [
    aRun({ operators: [operator('queued')] }),
    aRun({ operators: [operator('running')] }),
    aRun({ operators: [operator('running')] }),
    aRun({ state: 'succeeded', operators: [operator('succeeded')] }),
  ]
  respond = ({ method }) =>
    method === 'POST'
      ? { status: 202, body: submitted }
      : { body: states.length > 1 ? states.shift() : states[0] }
  const { code, out } = await server.run('run', await document('x'), '--watch')
  expect(code).toBe(0)
  expect(out.match(/running {2}train/g)).toHaveLength(1)
  expect(out.match(/succeeded {2}train/g)).toHaveLength(1)
  expect(out).toContain('0.7500')
})

test('a watched run that fails is exit code 1, with its error and traceback', async () => {
  const error = {
    code: 'TASK_FAILED',
    message: 'no column x',
    exc_type: 'KeyError',
    traceback: 'Traceback\n  line 7',
    details: {},
  }
  respond = () => ({
    body: aRun({ state: 'failed', operators: [anOperator({ id: 'a', state: 'failed', error })] }),
  })
  const { code, out } = await server.run('status', submitted.id, '--watch')
  expect(code).toBe(1)
  expect(out).toContain('a: TASK_FAILED: no column x')
  expect(out).toContain('line 7')
  expect((await server.run('status', submitted.id)).code).toBe(0)
})

test('logs -f reads on by offset and goes over to the next attempt', async () => {
  const line = (text: string) => ({ at: '2026-11-21T00:00:00.000Z', stream: 'stdout', text })
  respond = ({ url }) => {
    if (!url.includes('/logs'))
      return { body: aRun({ operators: [anOperator({ id: '读', state: 'succeeded', attempt: 2 })] }) }
    const query = new URL(url, 'http://x').searchParams
    const attempt = Number(query.get('attempt') ?? 1)
    const offset = Number(query.get('offset'))
    return {
      body: {
        attempt,
        lines: offset === 0 ? [line(`attempt ${attempt}\u001b[2J`)] : [],
        next_offset: 10,
        complete: offset > 0,
      },
    }
  }
  const { code, out } = await server.run('logs', submitted.id, '读', '-f')
  expect(code).toBe(0)
  expect(out).toBe('attempt 1\\x1b[2J\nattempt 2\\x1b[2J')
  expect(server.asked[0]!.url).toContain('/operators/%E8%AF%BB/logs?offset=0')
})

test('rerun and cancel say what they ask', async () => {
  respond = () => ({ status: 202, body: aRun() })
  await server.run('rerun', 'r/1', '--from', 'a', '--only')
  await server.run('cancel', 'r')
  expect(server.asked.map(({ method, url, body }) => [method, url, body])).toEqual([
    ['POST', '/api/v1/runs/r%2F1/rerun', '{"from":"a","only":true}'],
    ['POST', '/api/v1/runs/r/cancel', ''],
  ])
})

test('datasets add streams the file with its options', async () => {
  const file = join(directory, 'credit.csv')
  await writeFile(file, 'a\n1\n')
  respond = () => ({
    status: 201,
    body: {
      id: 40,
      name: 'credit',
      format: 'csv',
      uri: 'file:///x',
      bytes: 4,
      rows: 1,
      sha256: 'x',
      rename: {},
      columns: [],
      created_at: '2026-11-21T00:00:00.000Z',
    },
  })
  const { code, out } = await server.run(
    'datasets',
    'add',
    file,
    '--id',
    '40',
    '--rename',
    'a:b',
    '--rename',
    'c:d',
  )
  expect(code).toBe(0)
  expect(server.asked[0]).toMatchObject({
    url: '/api/v1/datasets?id=40&name=credit&rename=a%3Ab&rename=c%3Ad&format=csv',
    body: 'a\n1\n',
    headers: { 'content-type': 'text/csv' },
  })
  expect(out).toMatch(/40 +credit +csv/)
})

test('predict sends rows and prints the answers', async () => {
  respond = () => ({
    body: {
      model: { name: 'm', version: 1, alias: null },
      route: 'pinned',
      predictions: [{ predict_result: 1, predict_probability: 0.5 }],
    },
  })
  const { out } = await server.run('predict', 'm', '--row', '{"a":1}', '--version', '3', '--timeout', '2')
  expect(server.asked[0]).toMatchObject({
    url: '/api/v1/models/m/predict?version=3',
    body: '{"rows":[{"a":1}]}',
    headers: { 'x-request-timeout': '2' },
  })
  expect(out).toContain('0.500000')
  expect((await server.run('predict', 'm', '--row', 'nonsense')).code).toBe(2)
})

test.each([
  [401, 'AUTH_TOKEN_INVALID', 77],
  [404, 'NOT_FOUND_RUN', 3],
  [409, 'CONFLICT_RUN_FINISHED', 5],
  [503, 'STORE_UNAVAILABLE', 69],
  [504, 'PREDICT_DEADLINE', 69],
  [500, 'INTERNAL_ERROR', 70],
])('an answer of %d %s is exit code %d', async (status, code, exit) => {
  respond = () => problem(status, code, 'what happened')
  const result = await server.run('runs')
  expect(result.code).toBe(exit)
  expect(result.err).toContain('what happened')
})

test('a server that is not there is exit code 69 with a hint', async () => {
  const { code, err } = await runCli('runs', '--server', 'http://127.0.0.1:1')
  expect(code).toBe(69)
  expect(err).toContain('cannot reach the server at http://127.0.0.1:1')
  expect(err).toContain('celeriac standalone')
})

test('an answer that is not ours is a defect, not a crash', async () => {
  respond = () => ({ body: { hello: 'world' } })
  expect((await server.run('runs')).code).toBe(70)
})

test('a setting that is wrong is exit code 78', async () => {
  const { code, err } = await runCli('runs', '--server', 'ftp://x')
  expect(code).toBe(78)
  expect(err).toContain('--server')
})

test('validate and algorithms need no server', async () => {
  const good = await document(
    'dag: {operator_list: [a], operator_rels: {}, operator_details: {a: {algo_name: algo_local_pass_through, params: {}}}}',
  )
  expect(await runCli('validate', good)).toMatchObject({ code: 0, out: '✓ valid: 1 operators, no problems' })
  const bad = await document('dag: {operator_list: [a, a]}')
  const verdict = await runCli('validate', bad)
  expect(verdict.code).toBe(4)
  expect(verdict.out).toContain(`${bad}:1:`)
  const json = await runCli('validate', bad, '--json')
  expect(JSON.parse(json.out)).toMatchObject({ valid: false, operator_count: 0 })
  expect((await runCli('validate', join(directory, 'none.yaml'))).code).toBe(3)
  expect((await runCli('algorithms')).out).toContain('逻辑回归')
  expect((await runCli('algorithms', 'algo_local_split_data')).out).toContain('split_type')
  expect((await runCli('algorithms', 'nonsense')).code).toBe(3)
})

const dataset = (name: string) => ({
  id: 40,
  name,
  format: 'csv',
  uri: 'file:///x',
  bytes: 4,
  rows: 1,
  sha256: 'x',
  rename: {},
  columns: [],
  created_at: '2026-11-21T00:00:00.000Z',
})

test('datasets provide takes the real file, else a synthetic one that says so, and never replaces', async () => {
  let present = false
  respond = ({ method, url }) => {
    if (method === 'POST')
      return { status: 201, body: dataset(new URL(url, 'http://x').searchParams.get('name') ?? '') }
    return present
      ? { body: dataset('mine') }
      : problem(404, 'NOT_FOUND_DATASET', 'there is no such data set')
  }
  const real = join(directory, 'UCI_Credit_Card.csv')
  await writeFile(real, 'ID\n1\n')
  const uploads = () => server.asked.filter(({ method }) => method === 'POST')

  await server.run('datasets', 'provide', 'credit-default', '--file', real)
  expect(uploads().at(-1)).toMatchObject({
    url: '/api/v1/datasets?id=40&name=credit-default&rename=default.payment.next.month%3Anext_month&format=csv',
    body: 'ID\n1\n',
  })
  const synthetic = await server.run(
    'datasets',
    'provide',
    'credit-default',
    '--file',
    join(directory, 'none.csv'),
  )
  expect(uploads().at(-1)!.url).toContain('name=credit-default-synthetic')
  expect(uploads().at(-1)!.body.split('\n')).toHaveLength(30_002)
  expect(synthetic.err).toContain('30000 synthetic rows')
  present = true
  const kept = await server.run('datasets', 'provide', 'credit-default', '--file', real)
  expect(kept.err).toContain('data set 40 is there already: mine')
  expect(uploads()).toHaveLength(2)
})

test('the version option of a command is not the one of the program', async () => {
  const model = { name: 'm', version: 3, alias: null }
  respond = () => ({ body: { model, route: 'pinned', predictions: [{ cluster: 1 }] } })
  const { out } = await server.run('predict', 'm', '--version', '3', '--row', '{}')
  expect(out).toContain('cluster')
  expect((await runCli('--version')).out).toMatch(/^\d+\.\d+\.\d+$/)
}, 30_000) // Without the name of a command all of them are loaded.
