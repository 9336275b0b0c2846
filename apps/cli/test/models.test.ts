import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { stubServer, type Respond, type StubServer } from './cli-harness.ts'

const version = {
  name: '信用/a',
  version: 3,
  alias: 'champion',
  aliases: ['blue', 'champion'],
  run_id: 'run-1',
  operator_id: 'deploy',
  attempt: 1,
  uri: 'file:///m',
  metrics: { auc: 0.77 },
  signature: { inputs: [{ name: 'age', type: 'number' }] },
  serving: { runtime: 'native', reason: null, max_difference: 1.5e-16, tolerance: 1e-6, rows: 50 },
  deployment: {
    algorithm: 'algo_local_model_gbdt',
    data_hash: 'sha256:1',
    params: { max_depth: 3, init: null },
  },
  created_at: '2026-11-21T02:50:00.000Z',
  created_by: null,
  archived_at: null,
}
const state = {
  name: 'm',
  revision: 7,
  latest_version: 3,
  aliases: { candidate: 3, champion: 2 },
  canary: { version: 3, percent: 12.5 },
  shadow: null,
}

let server: StubServer
let respond: Respond
beforeAll(async () => {
  server = await stubServer((asked) => respond(asked))
})
afterAll(() => server.close())
beforeEach(() => {
  server.asked.length = 0
  respond = () => ({ body: state })
})

const asked = () => server.asked.map(({ method, url, body }) => [method, url, body])

test('a version is shown with its lineage and how it is served', async () => {
  respond = () => ({ body: version })
  const { code, out } = await server.run('models', 'show', '信用/a', '--alias', 'champion')
  expect(code).toBe(0)
  expect(asked()).toEqual([['GET', '/api/v1/models/%E4%BF%A1%E7%94%A8%2Fa?alias=champion', '']])
  for (const line of [
    'model       信用/a, version 3',
    'aliases     blue, champion',
    'algorithm   algo_local_model_gbdt',
    'parameters  max_depth 3',
    'metrics     auc 0.77',
    'inputs      age (number)',
    'served by   native, differs by at most 1.5e-16 on 50 rows',
  ])
    expect(out).toContain(line)
})

test('the list tells aliases and what is archived', async () => {
  const archived = { ...version, version: 1, aliases: [], alias: null, archived_at: version.created_at }
  respond = () => ({ body: { items: [version, archived], next_cursor: null } })
  const { out } = await server.run('models')
  expect(out).toMatch(/信用\/a +3 +blue, champion +native/)
  expect(out).toMatch(/信用\/a +1 +\(archived\)/)
})

test.each([
  [
    ['promote', 'm'],
    ['POST', '/api/v1/models/m/promote', '{}'],
  ],
  [
    ['promote', 'm', '--version', '3'],
    ['POST', '/api/v1/models/m/promote', '{"version":3}'],
  ],
  [
    ['rollback', 'm'],
    ['POST', '/api/v1/models/m/rollback', ''],
  ],
  [
    ['alias', 'set', 'm', 'a b', '3'],
    ['PUT', '/api/v1/models/m/aliases/a%20b', '{"version":3}'],
  ],
  [
    ['alias', 'remove', 'm', 'blue'],
    ['DELETE', '/api/v1/models/m/aliases/blue', ''],
  ],
])('models %j changes the model and shows it', async (args, request) => {
  const { code, out } = await server.run('models', ...args)
  expect([code, asked()]).toEqual([0, [request]])
  expect(out.split('\n')).toEqual([
    'model       m, revision 7',
    'canary      version 3, 12.5 %',
    'shadow      none',
    'aliases     candidate → version 3',
    '            champion → version 2',
  ])
})

test('an archived version is deleted by name and number', async () => {
  respond = () => ({ body: version })
  const { code, out } = await server.run('models', 'delete', '信用/a', '3')
  expect([code, asked()]).toEqual([0, [['DELETE', '/api/v1/models/%E4%BF%A1%E7%94%A8%2Fa/versions/3', '']]])
  expect(out.trimEnd()).toBe('deleted 信用/a, version 3')
})

test('traffic is shown, set and ended', async () => {
  respond = ({ method }) => ({
    body: method === 'PUT' ? state : { ...state, primary: { version: 2, percent: 87.5 } },
  })
  expect((await server.run('models', 'traffic', 'm')).out).toContain('serves      version 2, 87.5 %')
  await server.run('models', 'traffic', 'm', '--canary', '3:12.5', '--shadow', 'a:b:100')
  await server.run('models', 'traffic', 'm', '--none')
  expect(server.asked.filter(({ method }) => method === 'PUT').map(({ body }) => JSON.parse(body))).toEqual([
    { canary: { version: 3, percent: 12.5 }, shadow: { alias: 'a:b', percent: 100 } },
    { canary: null, shadow: null },
  ])
})

test.each([
  ['traffic', 'm', '--canary', '10'],
  ['traffic', 'm', '--canary', '3:101'],
  ['traffic', 'm', '--none', '--canary', '3:10'],
  ['promote', 'm', '--version', '3', '--alias', 'blue'],
  ['alias', 'set', 'm', 'blue', 'three'],
  ['archive', 'm'],
  ['delete', 'm', 'champion'],
])('models %s %s %s %s is refused', async (...args) => {
  expect((await server.run('models', ...args)).code).toBe(2)
  expect(server.asked).toEqual([])
})

test('changes are listed with who made them', async () => {
  const change = {
    revision: 7,
    kind: 'rolled_back',
    version: 1,
    alias: 'champion',
    previous_version: 2,
    traffic: { canary: null, shadow: { version: 3, percent: 100 } },
    actor: 'ada',
    at: version.created_at,
  }
  const registered = { ...change, revision: 1, kind: 'registered', traffic: null, actor: null }
  respond = () => ({ body: { items: [change, registered], next_cursor: null } })
  const { out } = await server.run('models', 'changes', 'm')
  expect(out).toMatch(/7 .+ rolled back +1 +champion +2 +shadow 3:100 +ada/)
  expect(out).toMatch(/1 .+ registered .+ a run/)
})

test('a download is named after the version, and is there when it is whole', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'celeriac-cli-'))
  try {
    respond = ({ url }) => ({ body: url.endsWith('/download') ? ['bytes'] : version })
    const file = join(directory, 'x.tar.gz')
    const { code, out } = await server.run('models', 'download', '信用/a', '-o', file, '--json')
    expect([code, JSON.parse(out)]).toEqual([0, { file, bytes: 9, name: '信用/a', version: 3 }])
    expect(await readFile(file, 'utf8')).toBe('["bytes"]')
    respond = ({ url }) => (url.endsWith('/download') ? { status: 404, body: {} } : { body: version })
    expect((await server.run('models', 'download', 'm', '-o', join(directory, 'y'))).code).toBe(3)
    expect(await readdir(directory)).toEqual(['x.tar.gz'])
  } finally {
    await rm(directory, { recursive: true })
  }
})
