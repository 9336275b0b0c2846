import { pathOf } from '@celeriac/runtime'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { chainDocument, startApi, token, type Harness } from './api-harness.ts'

let api: Harness
const told: string[] = []
beforeAll(async () => {
  api = await startApi({ modelChanged: (name) => told.push(name) })
  await api.engine.start()
})
afterAll(() => api.close())

/** A run whose operator deploys. `files`: what lies in the folder; null: it is another folder. */
async function deploy(
  deployment: Record<string, unknown>,
  files: Readonly<Record<string, string>> = { 'sidecar.json': '{}' },
): Promise<{ readonly runId: string; readonly folder: string }> {
  const yaml = { type: 'application/yaml', body: chainDocument(['deploy']) }
  const runId: string = (await api.call('POST', '/api/v1/runs', yaml)).body.id
  await expect.poll(async () => (await api.call('GET', `/api/v1/runs/${runId}`)).body.state).toBe('running')
  const uri = api.deps.artifacts.portUri({ runId, operatorId: 'deploy', attempt: 1 }, 0)
  const folder = pathOf(uri)
  await mkdir(folder, { recursive: true })
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  await api.engine.succeed(runId, 0, { outputs: {}, deployment: { model_uri: uri, ...deployment } })
  return { runId, folder }
}

const at = (name: string, path = '') => `/api/v1/models/${encodeURIComponent(name)}${path}`
const send = (method: string, path: string, body?: unknown) =>
  api.call(method, path, body === undefined ? {} : { type: 'application/json', body: JSON.stringify(body) })

test('a version that a run deploys as champion is in the changes, made by who submitted the run; it keeps its lineage', async () => {
  const lineage = {
    algorithm: 'algo_local_model_gbdt',
    signature: { inputs: [], outputs: [] },
    metrics: { auc: 0.77 },
    params: { n_estimators: 100 },
    data_hash: 'sha256:1',
    library_versions: { scikit_learn: '1.6.1' },
    serving: { runtime: 'native', reason: null, max_difference: 0, tolerance: 1e-6, rows: 50 },
  }
  const { runId } = await deploy({ name: 'lineage', alias: 'champion', ...lineage })
  const { body } = await send('GET', at('lineage', '/versions/1'))
  expect(body).toMatchObject({
    alias: 'champion',
    aliases: ['champion'],
    run_id: runId,
    operator_id: 'deploy',
    attempt: 1,
    metrics: lineage.metrics,
    signature: lineage.signature,
    serving: lineage.serving,
    deployment: lineage,
    created_by: 'admin token',
    archived_at: null,
  })
  expect((await send('GET', at('lineage', '/changes'))).body).toMatchObject({
    items: [
      {
        kind: 'registered',
        version: 1,
        alias: 'champion',
        previous_version: null,
        actor: 'admin token',
        revision: 1,
      },
    ],
    next_cursor: null,
  })
})

test('candidate, canary, promotion, roll-back: the route says who serves, and each change is told', async () => {
  const name = '信用 a/b'
  await deploy({ name, alias: 'champion' })
  await deploy({ name, alias: 'candidate' })
  told.length = 0
  const split = { canary: { alias: 'candidate', percent: 12.5 }, shadow: { version: 2, percent: 100 } }
  expect((await send('PUT', at(name, '/traffic'), split)).body).toMatchObject({
    canary: { version: 2, percent: 12.5 },
    shadow: { version: 2, percent: 100 },
  })
  expect((await send('GET', at(name, '/route'))).body).toEqual({
    name,
    revision: 3,
    latest_version: 2,
    aliases: { candidate: 2, champion: 1 },
    primary: { version: 1, percent: 87.5 },
    canary: { version: 2, percent: 12.5 },
    shadow: { version: 2, percent: 100 },
  })
  // Without a body: the candidate.
  expect((await send('POST', at(name, '/promote'))).body).toEqual({
    name,
    revision: 4,
    latest_version: 2,
    aliases: { candidate: 2, champion: 2 },
    canary: null,
    shadow: null,
  })
  const both = (await send('GET', at(name))).body
  expect([both.alias, both.aliases]).toEqual(['champion', ['candidate', 'champion']])
  expect((await send('POST', at(name, '/rollback'))).body.aliases.champion).toBe(1)
  expect((await send('POST', at(name, '/rollback'))).body.code).toBe('CONFLICT_MODEL_NO_PREVIOUS')
  expect((await send('GET', at(name, '/changes?limit=2'))).body.items).toMatchObject([
    { kind: 'rolled_back', version: 1, previous_version: 2, actor: 'admin token' },
    { kind: 'promoted', version: 2, previous_version: 1, traffic: { canary: null, shadow: null } },
  ])
  expect(told).toEqual([name, name, name])
})

test('aliases are set and removed; one that is a number is none', async () => {
  await deploy({ name: 'aliases' })
  const blue = at('aliases', '/aliases/blue')
  expect((await send('PUT', blue, { version: 1 })).body.aliases).toEqual({ blue: 1 })
  expect((await send('PUT', at('aliases', '/aliases/7'), { version: 1 })).status).toBe(400)
  expect((await send('PUT', blue, { version: 2 })).body.code).toBe('NOT_FOUND_MODEL')
  expect((await send('DELETE', blue)).body.aliases).toEqual({})
  expect((await send('DELETE', blue)).body).toMatchObject({ status: 404, details: { alias: 'blue' } })
})

test('an archived version is kept, but not given an alias; one in use is not archived', async () => {
  await deploy({ name: 'archived', alias: 'candidate' })
  const archive = at('archived', '/versions/1/archive')
  expect((await send('POST', archive)).body).toMatchObject({
    code: 'CONFLICT_MODEL_IN_USE',
    details: { aliases: ['candidate'], traffic: [] },
  })
  await send('DELETE', at('archived', '/aliases/candidate'))
  expect((await send('POST', archive)).body.archived_at).toMatch(/Z$/)
  expect((await send('POST', at('archived', '/promote'), { version: 1 })).body.code).toBe(
    'CONFLICT_MODEL_ARCHIVED',
  )
  expect((await send('GET', at('archived', '/route'))).body.primary).toBeNull()
  expect((await send('GET', at('archived', '/versions/1'))).status).toBe(200)
  expect((await send('POST', at('archived', '/versions/1/restore'))).body.archived_at).toBeNull()
  expect((await send('GET', at('archived', '/route'))).body.primary).toEqual({ version: 1, percent: 100 })
})

test('an archived version that nothing refers to is deleted, by an administrator, and its number is not given again', async () => {
  const name = 'deleted'
  await deploy({ name, alias: 'champion' })
  await deploy({ name })
  const path = at(name, '/versions/2')
  expect((await send('DELETE', path)).body.code).toBe('CONFLICT_MODEL_NOT_ARCHIVED')
  await send('POST', `${path}/archive`)
  told.length = 0
  expect((await send('DELETE', path)).body).toMatchObject({ version: 2, created_by: 'admin token' })
  expect(told).toEqual([name])
  expect((await send('DELETE', path)).body.code).toBe('NOT_FOUND_MODEL')
  expect((await send('GET', path)).status).toBe(404)
  expect((await send('GET', `${path}/download`)).status).toBe(404)
  await deploy({ name })
  expect((await send('GET', at(name))).body.version).toBe(3)
  expect((await send('GET', at(name, '/changes'))).body.items).toMatchObject([
    { kind: 'registered', version: 3 },
    { kind: 'deleted', version: 2, actor: 'admin token' },
    { kind: 'archived', version: 2 },
    { kind: 'registered', version: 2 },
    { kind: 'registered', version: 1 },
  ])
  const { items } = (await send('GET', '/api/v1/audit?limit=5')).body
  expect(items).toContainEqual(expect.objectContaining({ action: 'model.delete', target: 'deleted/2' }))
})

test('a run says who submitted it', async () => {
  const { runId } = await deploy({ name: 'submitted' })
  expect((await send('GET', `/api/v1/runs/${runId}`)).body.submitted_by).toBe('admin token')
})

test('what is not there is 404', async () => {
  for (const path of ['', '/route', '/changes', '/versions/1', '/versions/1/download'])
    expect([path, (await send('GET', at('none', path))).body.code]).toEqual([path, 'NOT_FOUND_MODEL'])
  await deploy({ name: 'no candidate' })
  expect((await send('POST', at('no candidate', '/promote'))).body).toMatchObject({
    code: 'NOT_FOUND_MODEL',
    details: { alias: 'candidate' },
  })
})

const download = (name: string, version = 1): Promise<Response> =>
  fetch(api.url + at(name, `/versions/${version}/download`), {
    headers: { authorization: `Bearer ${token}` },
  })

test('a download is an archive of the files, whatever the model is called', async () => {
  const files = { 'sidecar.json': '{"name":"m"}', 'model.joblib': 'x'.repeat(100_000), 'empty.json': '' }
  const { folder } = await deploy({ name: "模型/'1'" }, files)
  // A link is no file of the deployment, wherever it leads.
  await symlink('/etc/hostname', join(folder, 'link.json'))
  await mkdir(join(folder, 'below'))
  const answer = await download("模型/'1'")
  expect(answer.headers.get('content-type')).toBe('application/gzip')
  expect(answer.headers.get('content-disposition')).toBe(
    `attachment; filename="____1_-1.tar.gz"; filename*=UTF-8''%E6%A8%A1%E5%9E%8B%2F%271%27-1.tar.gz`,
  )
  const directory = await mkdtemp(join(tmpdir(), 'celeriac-download-'))
  try {
    execFileSync('tar', ['-xzf', '-', '-C', directory], { input: Buffer.from(await answer.arrayBuffer()) })
    expect(await readdir(directory)).toEqual(["模型_'1'-1"])
    const found = await readdir(join(directory, "模型_'1'-1"))
    expect(found.toSorted()).toEqual(Object.keys(files).toSorted())
    for (const [name, text] of Object.entries(files))
      expect(await readFile(join(directory, "模型_'1'-1", name), 'utf8')).toBe(text)
  } finally {
    await rm(directory, { recursive: true })
  }
})

test('nothing outside of the artifact store is downloaded', async () => {
  const outside = await mkdtemp(join(tmpdir(), 'celeriac-outside-'))
  try {
    await writeFile(join(outside, 'sidecar.json'), '{}')
    const { folder } = await deploy({ name: 'escape' })
    await symlink(outside, join(folder, 'link'))
    const { root } = api.deps.artifacts
    const places = [
      `file://${outside}`,
      `${root}/../..${outside}`,
      `file://${folder}/link`,
      's3://bucket/model',
      '',
    ]
    for (const model_uri of places) await deploy({ name: 'escape', model_uri })
    for (const [index, uri] of places.entries()) {
      const answer = await download('escape', index + 2)
      expect([uri, answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
        uri,
        404,
        'NOT_FOUND_MODEL',
      ])
    }
    expect((await download('escape', 1)).status).toBe(200)
  } finally {
    await rm(outside, { recursive: true })
  }
})
