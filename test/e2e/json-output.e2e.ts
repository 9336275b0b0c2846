import { faultSchema, jsonOutputs } from '@celeriac/cli'
import { testAmqpUrl } from '@celeriac/testkit'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { finalStates } from '../support/api-client.ts'
import { ownNames, StockCelery } from '../interop/stock-celery.ts'
import { inProcessCli } from '../support/in-process-cli.ts'
import { Platform } from '../support/platform.ts'
import { PlatformProcess, root, runCommand } from '../support/processes.ts'

type Name = keyof typeof jsonOutputs

const demo = join(root, 'examples', 'demo.yaml')
const model = 'breast-cancer-logistic-regression'
/** Ids and files that the commands are about, known once the platform is up. */
const given = { run: '', failed: '', printed: '', naps: '', sleeps: '', file: '' }
const tested = new Set<string>()
let platform: Platform

/** One data set, the demo's run with two models, and a run that failed. */
beforeAll(async () => {
  platform = await Platform.create('embedded', { isNew: true })
  // The demo leaves its data, run and models in the data directory that the platform then uses.
  const { stdout } = await runCommand(['demo', '--json', '--data-dir', platform.dataDir])
  holds('demo', stdout)
  await platform.start({ args: ['--json'] })
  holds('standalone', await firstLine(platform.schedulers[0]!.process))
  given.run = (JSON.parse(stdout) as { run: { id: string } }).run.id
  given.file = join(platform.dataDir, 'table.csv')
  await writeFile(given.file, 'a,b\n1,2\n')
  const fail = await platform.api.submit(aDocument('fails', 'algo_local_test_fail'))
  given.failed = (await platform.api.waitFor(fail.id, finalStates)).id
  const print = await platform.api.submit(
    aDocument('prints', 'algo_local_test_sleep', '{seconds: 0, lines: 3}'),
  )
  given.printed = (await platform.api.waitFor(print.id, finalStates)).id
  given.naps = (await platform.api.submit(aDocument('naps', 'algo_local_test_sleep', '{seconds: 600}'))).id
  given.sleeps = (
    await platform.api.submit(aDocument('sleeps', 'algo_local_test_sleep', '{seconds: 600}'))
  ).id
}, 240_000)
afterAll(() => platform?.destroy())

const aDocument = (name: string, algorithm: string, params = '{}'): string =>
  `{name: ${name}, dag: {operator_list: [only], operator_rels: {}, operator_details: {only: {algo_name: ${algorithm}, params: ${params}}}}}`

/** What a service printed up to its first line; it goes on. Also used in a hook, where expect.poll is not allowed. */
const firstLine = (service: PlatformProcess): Promise<string> =>
  vi.waitFor(
    () => {
      if (!service.stdout.includes('\n')) throw new Error(`not a line yet:\n${service.output}`)
      return service.stdout
    },
    { timeout: 60_000, interval: 100 },
  )

/** Checks what a command printed against its documented shape: all of it, and nothing beside it. */
function holds(name: Name, stdout: string): void {
  tested.add(name)
  const { form, schema } = jsonOutputs[name]
  const documents = form === 'document' ? [stdout] : stdout.trimEnd().split('\n')
  for (const document of documents) {
    const printed: unknown = JSON.parse(document)
    const parsed = schema.parse(printed)
    // Keys that the schema does not know are dropped by it: none may be there.
    expect(printed).toEqual(parsed)
  }
}

const logistic = 'train --algorithm algo_local_model_2c_l --dataset 569 --target diagnosis'.split(' ')

/** `code`: how the command ends, 0 where it is left out. */
const cases: readonly [name: Name, args: () => readonly string[], code?: number][] = [
  // First: both sleepers together leave no process for the others.
  ['task cancel', () => ['task', 'cancel', given.sleeps]],
  ['validate', () => ['validate', demo]],
  ['validate', () => ['validate', given.file], 4],
  ['run', () => ['run', demo, '--name', 'once-more']],
  ['run --watch', () => ['run', demo, '--watch']],
  ['runs', () => ['runs', '-n', '2']],
  ['status', () => ['status', given.failed]],
  ['status --watch', () => ['status', given.failed, '--watch'], 1],
  ['cancel', () => ['cancel', given.naps]],
  ['rerun', () => ['rerun', given.failed]],
  ['logs', () => ['logs', given.printed, 'only']],
  ['explain', () => ['explain', given.failed]],
  ['explain <operator>', () => ['explain', given.failed, 'only']],
  ['schedules add', () => ['schedules', 'add', 'hourly', '--every', '1h', '--dag', 'prints']],
  ['schedules list', () => ['schedules', 'list']],
  ['schedules disable', () => ['schedules', 'disable', 'hourly']],
  ['schedules enable', () => ['schedules', 'enable', 'hourly']],
  ['schedules show', () => ['schedules', 'show', 'hourly']],
  ['schedules trigger', () => ['schedules', 'trigger', 'hourly']],
  ['schedules firings', () => ['schedules', 'firings', 'hourly']],
  ['schedules remove', () => ['schedules', 'remove', 'hourly']],
  ['datasets add', () => ['datasets', 'add', given.file, '--id', '7']],
  ['datasets list', () => ['datasets', 'list']],
  ['datasets show', () => ['datasets', 'show', '569']],
  ['datasets provide', () => ['datasets', 'provide', 'credit-default']],
  [
    'datasets generate',
    () => ['datasets', 'generate', 'credit-default', '--rows', '3', '--out', join(platform.dataDir, 'x.csv')],
  ],
  ['algorithms', () => ['algorithms']],
  ['algorithms <name>', () => ['algorithms', 'algo_local_model_gbdt']],
  ['models', () => ['models']],
  ['models show', () => ['models', 'show', model, '--version', '1']],
  // The demo has registered the first version, `run --watch` another. Whatever else is registered leaves these two alone.
  ['models alias set', () => ['models', 'alias', 'set', model, 'blue', '1']],
  ['models alias remove', () => ['models', 'alias', 'remove', model, 'candidate']],
  ['models promote', () => ['models', 'promote', model, '--version', '1']],
  ['models promote', () => ['models', 'promote', model, '--version', '2']],
  ['models rollback', () => ['models', 'rollback', model]],
  ['models traffic', () => ['models', 'traffic', model, '--shadow', '1:100']],
  ['models archive', () => ['models', 'archive', model, '2']],
  ['models restore', () => ['models', 'restore', model, '2']],
  ['models archive', () => ['models', 'archive', model, '2']],
  ['models delete', () => ['models', 'delete', model, '2']],
  ['models changes', () => ['models', 'changes', model]],
  ['models drift', () => ['models', 'drift', model]],
  [
    'models download',
    () => ['models', 'download', model, '--version', '1', '-o', join(platform.dataDir, 'model.tar.gz')],
  ],
  ['train', () => logistic],
  ['train --watch', () => [...logistic, '--watch']],
  ['batch-predict', () => ['batch-predict', 'breast-cancer-gbdt', '--dataset', '569']],
  ['batch-predict --watch', () => ['batch-predict', 'breast-cancer-gbdt', '--dataset', '569', '--watch']],
  ['task show', () => ['task', 'show', given.run]],
  ['task watch', () => ['task', 'watch', given.printed]],
  ['task logs', () => ['task', 'logs', given.printed]],
  ['workers', () => ['workers']],
  ['queues', () => ['queues']],
  ['retention --dry-run', () => ['retention', '--dry-run']],
  ['retention', () => ['retention']],
  ['whoami', () => ['whoami']],
  ['users list', () => ['users', 'list']],
  ['tokens list', () => ['tokens', 'list']],
  ['audit', () => ['audit', '-n', '5']],
]

test.each<[name: Name, args: () => readonly string[], code?: number]>(cases)(
  '%s --json prints what the reference says',
  async (name, args, code = 0) => {
    const result = await inProcessCli(platform, ...args(), '--json')
    expect([result.code, result.stderr === '' || code === 0 || result.stderr]).toEqual([code, true])
    holds(name, result.stdout)
  },
)

test('the commands of accounts print what the reference says, and never a password', async () => {
  const password = 'correct horse battery'
  const dataDir = join(platform.dataDir, 'of-ann')
  const run = async (name: Name, args: readonly string[], input = '', env: Record<string, string> = {}) => {
    const given = { CELERIAC_SERVER: platform.api.url, CELERIAC_API_TOKEN: 'test-token', ...env }
    const result = await runCommand([...name.split(' '), ...args, '--json'], given, input)
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(result.stdout).not.toContain(password)
    holds(name, result.stdout)
    return JSON.parse(result.stdout)
  }
  await run('users add', ['ann', '--role', 'viewer'], `${password}\n`)
  await run('users set-role', ['ann', 'editor'])
  await run('users disable', ['ann'])
  await run('users enable', ['ann'])
  await run('users reset-password', ['ann'], `${password}!\n`)
  const ann = { CELERIAC_DATA_DIR: dataDir, CELERIAC_API_TOKEN: '' }
  const { file } = await run('login', ['--username', 'ann'], `${password}!\n`, ann)
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(await run('whoami', [], '', ann)).toMatchObject({ kind: 'session', user: { username: 'ann' } })
  await run('password', [], `${password}!\n${password}?\n`, ann)
  const { token } = await run('tokens create', ['nightly', '--scope', 'read'], '', ann)
  await run('tokens revoke', [token.id], '', ann)
  const refused = await runCommand(['users', 'list'], { CELERIAC_SERVER: platform.api.url, ...ann })
  expect(refused).toMatchObject({ code: 77, stderr: expect.stringContaining('AUTH_FORBIDDEN') })
  await run('logout', [], '', ann)
  await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('rerun --watch --json prints the finished run', async () => {
  await platform.api.waitFor(given.failed, finalStates)
  const result = await platform.cli('rerun', given.failed, '--watch', '--json')
  expect(result.code).toBe(1)
  holds('rerun --watch', result.stdout)
})

test('predict --json prints the answers', async () => {
  const { preview } = await platform.api.json<{ preview: { columns: string[]; rows: unknown[][] } }>(
    'GET',
    `/api/v1/runs/${given.run}/operators/split/outputs/1`,
  )
  const row = Object.fromEntries(preview.columns.map((column, index) => [column, preview.rows[0]![index]]))
  delete row['diagnosis']
  const result = await platform.cli('predict', 'breast-cancer-gbdt', '--row', JSON.stringify(row), '--json')
  expect(result).toMatchObject({ code: 0, stderr: '' })
  holds('predict', result.stdout)
})

test.each([
  [['status', '01a1fc1c-c625-74b9-83de-9685714d747d'], 3],
  [['runs', '--server', 'http://127.0.0.1:1'], 69],
  [['runs', '--token', 'wrong'], 77],
  [['validate', 'no-such-file.yaml'], 3],
  [['datasets', 'generate', 'credit-default'], 2],
])('%j fails with one JSON line on standard error', async (args, code) => {
  const result = await platform.cli(...args, '--json')
  expect([result.code, result.stdout]).toEqual([code, ''])
  const fault: unknown = JSON.parse(result.stderr)
  expect(fault).toEqual(faultSchema.parse(fault))
})

test('migrate, scheduler and worker too', async () => {
  const distributed = await Platform.create('distributed')
  onTestFinished(() => distributed.destroy())
  const started = (...args: string[]): Promise<string> => {
    const service = new PlatformProcess([...args, '--json', '--http-port', '0'], distributed.env)
    onTestFinished(async () => void (await service.stop()))
    return firstLine(service)
  }
  const migrated = await runCommand(['migrate', '--json'], distributed.env)
  holds('migrate', migrated.stdout)
  const status = await runCommand(['migrate', '--status', '--json'], distributed.env)
  holds('migrate --status', status.stdout)
  expect(JSON.parse(status.stdout)).toMatchObject({ state: 'current', pending: [] })
  holds('scheduler', await started('scheduler'))
  holds('worker', await started('worker', '-c', '1'))
})

test('what workers are asked over the broker too, here one of Python Celery', async () => {
  const names = await ownNames()
  onTestFinished(() => names.close())
  const { prefix } = names
  const worker = await StockCelery.start(['-P', 'solo', '-n', 'stock@test', '--without-mingle'], {
    TEST_AMQP_URL: testAmqpUrl(),
    CELERIAC_TEST_PREFIX: prefix,
    CELERIAC_TEST_BACKEND: 'rpc://',
  })
  onTestFinished(() => worker.stop())
  const asked = async (name: Name, args: readonly string[], code = 0): Promise<void> => {
    const env = { CELERIAC_AMQP_URL: testAmqpUrl(), CELERIAC_QUEUE_PREFIX: prefix }
    const result = await runCommand([...args, '--json'], env)
    expect([result.code, result.stderr]).toEqual([code, ''])
    holds(name, result.stdout)
  }
  const patient = ['--limit', '1', '--timeout', '30']
  await asked('inspect', ['inspect', 'stats', ...patient])
  await asked('control', ['control', 'rate_limit', 'tasks.add', '100/s', ...patient])
  await asked('control', ['control', 'rate_limit', 'tasks.none', '100/s', ...patient], 1)
  // It asks for heartbeats itself.
  await asked('events', ['events', '--limit', '1'])
  await asked('call', ['call', 'tasks.add', '--args', '[1, 2]'])
  await asked('call --wait', ['call', 'tasks.add', '--args', '[1, 2]', '--wait', '60'])
  await asked('call --wait', ['call', 'tasks.fail', '--args', '["bad"]', '--wait', '60'], 1)
  await asked('purge', ['purge', `${prefix}celery`, '--force'])
  await asked('parked list', ['parked', 'list'])
  await asked('parked replay', ['parked', 'replay', '--all'])
  await asked('parked replay', ['parked', 'replay', '--id', 'none'], 3)
})

test('no command was left out', () => {
  expect([...tested].toSorted()).toEqual(Object.keys(jsonOutputs).toSorted())
})
