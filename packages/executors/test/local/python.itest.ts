import type { AttemptOutcome, JsonObject, OperatorAttempt } from '@celeriac/core'
import { builtinAlgorithmsDir, fileUrlOf, silentLogger } from '@celeriac/runtime'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import {
  createLocalExecutor,
  loadDeployment,
  ModelServer,
  type LocalExecutor,
  type LocalExecutorLimits,
} from '../../src/index.ts'
import { aListener, anAttempt as anyAttempt, isAlive } from './setup.ts'

/** The real runner and the real algorithms. One warm pool serves all tests but those that need other limits. */
const root = path.resolve(fileURLToPath(new URL('../../../..', import.meta.url)))
const directory = mkdtempSync(path.join(tmpdir(), 'celeriac-executor-'))
const artifactRoot = fileUrlOf(directory)
let python: { command: string; env: Record<string, string> }
let shared: LocalExecutor

const anExecutor = (limits: Partial<LocalExecutorLimits> = {}, poolSize = 2): LocalExecutor =>
  createLocalExecutor({
    python,
    poolSize,
    logger: silentLogger(),
    limits: { cancelGraceMs: 1_000, ...limits },
  })

const anAttempt = (
  algoName: string,
  params: JsonObject = {},
  overrides: Partial<OperatorAttempt> = {},
): OperatorAttempt => {
  const attempt = anyAttempt(params, { algoName, artifactRoot, ...overrides })
  const outputPrefix = `${artifactRoot}/runs/run-1/${attempt.attemptId}/1`
  return { ...attempt, outputPrefix }
}
const run = (executor: LocalExecutor, attempt: OperatorAttempt, listener = aListener()) =>
  executor.run(attempt, listener).outcome
const failureOf = (outcome: AttemptOutcome) => (outcome.status === 'failed' ? outcome.failure : outcome)

beforeAll(() => {
  const found = execFileSync(process.execPath, [path.join(root, 'scripts/python-env.mjs'), '--json'], {
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
  })
  const { python: command } = JSON.parse(found) as { python: string }
  const sources = path.resolve(builtinAlgorithmsDir(), '../..')
  python = { command, env: { PATH: process.env['PATH'] ?? '', PYTHONPATH: sources } }
}, 600_000)

beforeAll(async () => {
  shared = anExecutor()
  await shared.start()
})

afterAll(async () => {
  await shared.stop()
  rmSync(directory, { recursive: true, force: true })
})

test('the parent tells the versions of its libraries', () => {
  expect(shared.versions).toMatchObject({ python: expect.any(String), scikit_learn: expect.any(String) })
})

test('the cheapest operator succeeds, forty in a row and two hundred at once', async () => {
  for (let number = 0; number < 40; number++)
    expect((await run(shared, anAttempt('algo_local_pass_through'))).status).toBe('succeeded')
  const outcomes = await Promise.all(
    Array.from({ length: 200 }, () => run(shared, anAttempt('algo_local_pass_through'))),
  )
  expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['succeeded']))
})

test('an operator reads a table, and its outputs are where the attempt says', async () => {
  const file = path.join(directory, 'datasets.csv')
  writeFileSync(file, 'a,b\n1,x\n2,y\n')
  const attempt = anAttempt('algo_local_read_file', { uri: fileUrlOf(file), format: 'csv' })
  const outcome = await run(shared, attempt)
  expect(outcome).toMatchObject({
    status: 'succeeded',
    result: { outputs: { 0: { type: 'Table', rows: 2 } } },
  })
  const uri = outcome.status === 'succeeded' ? (outcome.result.outputs['0']?.uri ?? '') : ''
  const sidecar = JSON.parse(readFileSync(fileURLToPath(`${uri}/sidecar.json`), 'utf8')) as JsonObject
  expect(sidecar).toMatchObject({ type: 'Table', rows: 2 })
})

test('lines and progress of an operator arrive before its outcome', async () => {
  const listener = aListener()
  const params = { seconds: 0.05, lines: 5, stderr_lines: 1 }
  const outcome = await run(shared, anAttempt('algo_local_test_sleep', params), listener)
  expect(outcome.status).toBe('succeeded')
  expect(listener.lines.filter(({ stream }) => stream === 'stdout')).toHaveLength(5)
  expect(listener.lines.filter(({ stream }) => stream === 'stderr').map(({ text }) => text)).toEqual([
    'stderr line 1',
  ])
  expect(listener.progress.length).toBeGreaterThan(0)
})

test('an algorithm that does not exist and a parameter that is not valid are not retried', async () => {
  expect(await run(shared, anAttempt('algo_local_nothing'))).toMatchObject({
    retryable: false,
    failure: { code: 'TASK_ALGORITHM_NOT_FOUND' },
  })
  expect(await run(shared, anAttempt('algo_local_test_sleep', { seconds: 'long' }))).toMatchObject({
    retryable: false,
    failure: { code: 'TASK_INVALID_PARAMS' },
  })
})

test.for([
  ['kill9', 'TASK_PROCESS_DIED'],
  ['exit', 'TASK_PROCESS_DIED'],
  ['segfault', 'TASK_PROCESS_DIED'],
  ['garbage_frames', 'EXECUTOR_PROTOCOL'],
] as const)(
  'an operator that does %s fails its attempt with %s, and the pool heals',
  async ([mode, code]) => {
    const outcome = await run(shared, anAttempt('algo_local_test_crash', { mode }))
    expect(failureOf(outcome)).toMatchObject({ code })
    const after = await Promise.all([1, 2, 3].map(() => run(shared, anAttempt('algo_local_pass_through'))))
    expect(after.map(({ status }) => status)).toEqual(['succeeded', 'succeeded', 'succeeded'])
  },
)

test('an operator that writes garbage to its stdout still succeeds', async () => {
  const listener = aListener()
  const outcome = await run(shared, anAttempt('algo_local_test_crash', { mode: 'garbage_stdout' }), listener)
  expect(outcome.status).toBe('succeeded')
  expect(Math.max(...listener.lines.map(({ text }) => text.length))).toBeLessThan(17_000)
})

test('an operator that hangs is killed at its time limit', async () => {
  const attempt = anAttempt('algo_local_test_crash', { mode: 'hang' }, { timeLimitS: 0.5 })
  expect(failureOf(await run(shared, attempt))).toMatchObject({ code: 'TASK_TIMED_OUT' })
})

test('the soft time limit lets the operator clean up', async () => {
  const listener = aListener()
  const params = { seconds: 30, lines: 1, catch_soft_limit: true }
  const attempt = anAttempt('algo_local_test_sleep', params, { softTimeLimitS: 2, timeLimitS: 20 })
  expect(failureOf(await run(shared, attempt, listener))).toMatchObject({ code: 'TASK_TIMED_OUT' })
  expect(listener.lines.map(({ text }) => text)).toContain('soft time limit caught')
})

test('an operator that takes more memory than its limit fails as such', async () => {
  const executor = anExecutor({ memoryBytes: 256 * 1_048_576 }, 1)
  await executor.start()
  try {
    const outcome = await run(executor, anAttempt('algo_local_test_crash', { mode: 'memory' }))
    expect(failureOf(outcome)).toMatchObject({ code: 'TASK_OUT_OF_MEMORY' })
    expect((await run(executor, anAttempt('algo_local_pass_through'))).status).toBe('succeeded')
  } finally {
    await executor.stop()
  }
})

test('a running operator is cancelled', async () => {
  const listener = aListener()
  const attempt = anAttempt('algo_local_test_sleep', { seconds: 30, lines: 300 })
  const handle = shared.run(attempt, listener)
  await listener.firstLine
  shared.cancel(attempt.attemptId, 'cancelled by the user')
  expect(await handle.outcome).toEqual({ status: 'revoked', reason: 'cancelled by the user' })
})

test('a model is trained, deployed and asked for predictions', async () => {
  const file = path.join(directory, 'train.csv')
  const rows = Array.from({ length: 60 }, (_, x) => `${x},${x % 7},${x < 30 ? 0 : 1}`)
  writeFileSync(file, ['a,b,y', ...rows].join('\n') + '\n')
  const output = async (algoName: string, params: JsonObject, input?: { uri: string; type: string }) => {
    const inputs = input === undefined ? {} : { '0': [{ ...input }] }
    const outcome = await run(shared, anAttempt(algoName, params, { inputs }))
    if (outcome.status !== 'succeeded') throw new Error(JSON.stringify(outcome))
    const [first] = Object.values(outcome.result.outputs)
    return { uri: first?.uri ?? '', type: first?.type ?? '' }
  }
  const table = await output('algo_local_read_file', { uri: fileUrlOf(file), format: 'csv' })
  const model = await output('algo_local_model_2c_l', { x_cols: ['a', 'b'], y_col: 'y', pre_value: 1 }, table)
  const deployment = await output('algo_local_model_deploy', { name: 'line' }, model)
  const chances: number[][] = []
  // Once as it is, and once as if it did not convert: the numbers are the same.
  for (const runtime of ['native', 'python'] as const) {
    const server = new ModelServer({
      load: async (uri) => {
        const loaded = await loadDeployment(uri)
        return runtime === 'native' ? loaded : { ...loaded, scorer: null }
      },
      python,
      logger: silentLogger(),
    })
    onTestFinished(() => server.stop())
    const predict = (cells: readonly JsonObject[], modelUri = deployment.uri) =>
      server.predict({ modelUri, rows: cells, columns: null, deadlineAt: Date.now() + 60_000 })
    const answer = await predict([
      { a: 1, b: 0 },
      { a: 59, b: 0 },
    ])
    expect(answer).toMatchObject({ runtime, model: { name: 'line' }, timing: { batchRows: 2 } })
    expect(answer.predictions.map((row) => row['predict_result'])).toEqual([0, 1])
    chances.push(answer.predictions.map((row) => Number(row['predict_probability'])))
    await expect(predict([{ a: 'one', b: 0 }])).rejects.toMatchObject({
      code: 'VALIDATION_ROW_INVALID',
      details: { fields: [{ path: 'rows[0].a', expected: 'number', got: '"one"' }] },
    })
    await expect(predict([{}], `${artifactRoot}/none/0`)).rejects.toMatchObject({
      code: 'TASK_ARTIFACT_NOT_FOUND',
    })
  }
  for (const [row, chance] of (chances[0] ?? []).entries())
    expect(chance).toBeCloseTo(chances[1]?.[row] ?? -1, 12)
})

test('when Node is killed, no Python process stays behind', async () => {
  const script = `
    import { createLocalExecutor } from '@celeriac/executors'
    import { silentLogger } from '@celeriac/runtime'
    const executor = createLocalExecutor({ python: ${JSON.stringify(python)}, poolSize: 1, logger: silentLogger() })
    await executor.start()
    const listener = { onStarted() {}, onProgress() {}, onLog([line]) { console.log(executor.parentPid, line.text) } }
    executor.run(${JSON.stringify(anAttempt('algo_local_test_crash', { mode: 'hang' }))}, listener)
  `
  const node = spawn(
    process.execPath,
    ['--import', 'tsx', '--conditions', '@celeriac/source', '--input-type=module', '-e', script],
    { cwd: path.join(root, 'packages/testkit'), stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const line = await new Promise<string>((resolve) => {
    createInterface({ input: node.stdout }).once('line', resolve)
  })
  const parent = Number(line.split(' ')[0])
  const children = execFileSync('ps', ['--ppid', String(parent), '-o', 'pid='], { encoding: 'utf8' })
  const pids = [parent, ...children.trim().split(/\s+/).map(Number)]
  expect(pids).toHaveLength(2)
  expect(pids.every(isAlive)).toBe(true)
  node.kill('SIGKILL')
  await expect.poll(() => pids.filter(isAlive), { timeout: 10_000 }).toEqual([])
})
