import { afterEach, expect, test } from 'vitest'
import { stubServer, type Respond, type StubServer } from './cli-harness.ts'

let server: StubServer | null = null
afterEach(async () => {
  await server?.close()
  server = null
})

const policy = {
  runs_s: 7_776_000,
  logs_s: 129_600,
  artifacts_s: null,
  audit_s: 34_560_000,
  model_versions_s: null,
}
const counts = {
  runs: 3,
  operator_tasks: 12,
  logs: 2,
  artifacts: 0,
  task_results: 7,
  audit_entries: 9,
  model_versions: 2,
  files: 5,
  files_failed: 0,
}

/** A pass that is seen under way once, and then at its end. */
const aPass = ({ filesFailed = 0 } = {}): Respond => {
  let looks = 0
  return ({ method }) => {
    if (method === 'POST') return { status: 202, body: { status: 'started' } }
    looks += 1
    const body = {
      policy,
      is_running: looks === 1,
      started_at: '2026-11-21T10:00:00.000Z',
      succeeded_at: filesFailed > 0 ? '2026-11-20T10:00:00.000Z' : '2026-11-21T10:00:01.000Z',
      removed: { ...counts, files_failed: filesFailed },
    }
    return { body }
  }
}

const run = async (respond: Respond, ...args: string[]) => {
  server = await stubServer(respond)
  return server.run('retention', ...args)
}

test('a dry run says what would go, and starts nothing', async () => {
  const preview = {
    policy,
    runs: 3,
    operator_tasks: 12,
    runs_kept_for_models: 1,
    logs: 2,
    artifacts: 0,
    task_results: 7,
    audit_entries: 9,
    model_versions: 0,
    files_waiting: 4,
    bytes: 1_572_864,
    measured_runs: 5,
  }
  const { code, out } = await run(() => ({ body: preview }), '--dry-run')
  expect(code).toBe(0)
  expect(out.trimEnd().split('\n')).toEqual([
    'runs        kept 90 days: 3 to delete, with 12 operator tasks; 1 stay for their models',
    'logs        kept 1.5 days: of 2 other runs',
    'artifacts   kept for ever: of 0 other runs',
    'results     7 of plain tasks have expired',
    'audit log   kept 400 days: 9 entries to delete',
    'models      kept for ever: 0 archived versions to delete',
    'files       1.5 MiB in the files of 5 runs; of 4 runs from earlier passes',
  ])
  expect(server?.asked.map(({ method }) => method)).toEqual(['GET'])
})

test('a pass is waited for, and what it deleted is told', async () => {
  const { code, out } = await run(aPass())
  expect(code).toBe(0)
  expect(out.trimEnd()).toBe(
    'deleted: 3 runs, logs of 2 and artifacts of 0 others, 7 results, 9 entries of the audit log, 2 archived versions of models; files of 5 runs',
  )
  expect(server?.asked.map(({ method }) => method)).toEqual(['POST', 'GET', 'GET'])
})

test('a pass that left something behind ends with 1 and says so', async () => {
  const { code, out, err } = await run(aPass({ filesFailed: 2 }))
  expect(code).toBe(1)
  expect(out).toContain('and not those of 2')
  expect(err).toContain('not everything that is old was deleted')
})
