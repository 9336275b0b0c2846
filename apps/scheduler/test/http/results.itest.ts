import { createLogWriter, pathOf } from '@celeriac/runtime'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { chainDocument, startApi, type Harness } from './api-harness.ts'

let api: Harness
beforeAll(async () => {
  api = await startApi()
  await api.engine.start()
})
afterAll(() => api.close())

async function startRun(ids: string[]): Promise<string> {
  const { body } = await api.call('POST', '/api/v1/runs', {
    type: 'application/yaml',
    body: chainDocument(ids),
  })
  await expect.poll(async () => (await api.call('GET', `/api/v1/runs/${body.id}`)).body.state).toBe('running')
  return body.id as string
}

async function writeLog(runId: string, operatorId: string, texts: string[], attempt = 1): Promise<void> {
  const writer = createLogWriter({
    path: pathOf(api.deps.artifacts.logUri({ runId, operatorId, attempt })),
    onError: (error) => {
      throw error
    },
  })
  writer.append(texts.map((text) => ({ at: 1_000, stream: 'stdout' as const, text })))
  await writer.close()
}

const logs = (runId: string, query = '', operatorId = 'a') =>
  api.call('GET', `/api/v1/runs/${runId}/operators/${encodeURIComponent(operatorId)}/logs${query}`)

test('logs are paged by offset and complete when the attempt has ended', async () => {
  const runId = await startRun(['a'])
  expect((await logs(runId)).body).toEqual({ attempt: 1, lines: [], next_offset: 0, complete: false })
  await writeLog(runId, 'a', ['one', '二', 'three'])
  const first = await logs(runId, '?limit=2')
  expect(first.body).toMatchObject({
    attempt: 1,
    complete: false,
    lines: [
      { at: '1970-01-01T00:00:01.000Z', stream: 'stdout', text: 'one' },
      { stream: 'stdout', text: '二' },
    ],
  })
  const second = await logs(runId, `?offset=${first.body.next_offset}`)
  expect(second.body.lines).toMatchObject([{ text: 'three' }])
  expect(second.body.complete).toBe(false)
  await api.engine.succeed(runId, 0)
  const end = await logs(runId, `?offset=${second.body.next_offset}`)
  expect(end.body).toEqual({
    attempt: 1,
    lines: [],
    next_offset: second.body.next_offset,
    complete: true,
  })
})

test('logs of an earlier attempt stay readable; of a later one there are none', async () => {
  const runId = await startRun(['a'])
  await writeLog(runId, 'a', ['first try'])
  await api.engine.fail(runId, 0, 'no')
  await api.call('POST', `/api/v1/runs/${runId}/rerun`)
  await writeLog(runId, 'a', ['second try'], 2)
  expect((await logs(runId)).body.lines).toMatchObject([{ text: 'second try' }])
  expect((await logs(runId, '?attempt=1')).body).toMatchObject({
    complete: true,
    lines: [{ text: 'first try' }],
  })
  const later = await logs(runId, '?attempt=3')
  expect([later.status, later.body.code]).toEqual([404, 'NOT_FOUND_OUTPUT'])
})

test('a log of an operator that never started is empty', async () => {
  const runId = await startRun(['a', 'b'])
  expect((await logs(runId, '', 'b')).body).toEqual({
    attempt: 0,
    lines: [],
    next_offset: 0,
    complete: false,
  })
})

test.each(['../a', '..%2Fa', 'z', '%00', '..'])(
  'an operator %j of a run does not exist',
  async (operatorId) => {
    const runId = await startRun(['a'])
    const path = `/api/v1/runs/${runId}/operators/${operatorId}/logs`
    const { status } = await api.call('GET', path)
    expect([400, 404]).toContain(status)
  },
)

async function commitTable(uri: string, sidecar: object | string): Promise<void> {
  await mkdir(pathOf(uri), { recursive: true })
  await writeFile(
    join(pathOf(uri), 'sidecar.json'),
    typeof sidecar === 'string' ? sidecar : JSON.stringify(sidecar),
  )
}

const output = (runId: string, port: number | string = 0) =>
  api.call('GET', `/api/v1/runs/${runId}/operators/a/outputs/${port}`)

test('an output shows its description and its first rows', async () => {
  const runId = await startRun(['a'])
  const uri = api.deps.artifacts.portUri({ runId, operatorId: 'a', attempt: 1 }, 0)
  const sidecar = {
    format: 1,
    type: 'Table',
    preview: { columns: ['x', '名'], rows: [[1, '甲']] },
    columns: [],
  }
  await commitTable(uri, sidecar)
  const early = await output(runId)
  expect([early.status, early.body.code]).toEqual([404, 'NOT_FOUND_OUTPUT'])
  await api.engine.succeed(runId, 0, { outputs: { '0': { type: 'Table', uri, rows: 1 } } })
  expect((await output(runId)).body).toEqual({
    run_id: runId,
    operator_id: 'a',
    port: 0,
    attempt: 1,
    type: 'Table',
    uri,
    rows: 1,
    sidecar,
    preview: sidecar.preview,
  })
  expect((await output(runId, 1)).status).toBe(404)
  expect((await output(runId, 'x')).status).toBe(400)
})

test('an output that leads out of the artifact store is not read', async () => {
  const outside = join(api.directory, 'outside')
  await mkdir(outside)
  await writeFile(join(outside, 'sidecar.json'), '{"secret":true}')
  const link = join(pathOf(api.deps.artifacts.root), 'link')
  await mkdir(pathOf(api.deps.artifacts.root), { recursive: true })
  await symlink(outside, link)
  const uris = [
    `file://${outside}`,
    `${api.deps.artifacts.root}/../outside`,
    `${api.deps.artifacts.root}/%2e%2e/outside`,
    `${api.deps.artifacts.root}/link`,
    'http://127.0.0.1/metadata',
    'not a uri',
  ]
  for (const uri of uris) {
    const runId = await startRun(['a'])
    await api.engine.succeed(runId, 0, { outputs: { '0': { type: 'Table', uri } } })
    const answer = await output(runId)
    expect([uri, answer.status, answer.body.code]).toEqual([uri, 404, 'NOT_FOUND_OUTPUT'])
  }
})

test('a description that is broken or too large is not there', async () => {
  for (const sidecar of ['{"half":', `"${'x'.repeat(1_100_000)}"`]) {
    const runId = await startRun(['a'])
    const uri = api.deps.artifacts.portUri({ runId, operatorId: 'a', attempt: 1 }, 0)
    await commitTable(uri, sidecar)
    await api.engine.succeed(runId, 0, { outputs: { '0': { type: 'Table', uri } } })
    expect((await output(runId)).status).toBe(404)
  }
})
