import { buildTopology, createMemoryBroker } from '@celeriac/broker'
import {
  decodeResultMessage,
  encodeTaskMessage,
  operatorTaskMessage,
  type TaskEvent,
} from '@celeriac/contracts'
import type { OperatorAttempt } from '@celeriac/core'
import {
  artifactLayout,
  createMetrics,
  fileUrlOf,
  pathOf,
  readLogPage,
  silentLogger,
  systemClock,
} from '@celeriac/runtime'
import { createMessageCodec, encodeTaskCall, MemoryBackend, type TaskCall } from '@celeriac/tasks'
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { startWorker, type WorkerSettings } from '../src/index.ts'
import { results } from './plain-app.ts'

const root = path.resolve(fileURLToPath(new URL('../../..', import.meta.url)))
beforeAll(() => {
  execFileSync(process.execPath, [path.join(root, 'scripts/python-env.mjs')], { stdio: 'ignore' })
}, 600_000)

const settings: WorkerSettings = {
  queues: null,
  executor: {},
  concurrency: 2,
  name: 'w1@test',
  python: null,
  algorithmsDir: null,
  taskMemoryMib: null,
  maxTasksPerChild: 100,
  drainTimeoutS: 30,
}

const aCall = (call: Pick<TaskCall, 'id' | 'task' | 'args'>): TaskCall => ({
  ...call,
  kwargs: {},
  rootId: call.id,
  parentId: null,
  group: null,
  groupIndex: null,
  retries: 0,
  eta: null,
  expires: null,
  timelimit: [null, null],
  shadow: null,
  origin: null,
  ignoreResult: false,
  replacedTaskNesting: 0,
  stampedHeaders: null,
  stamps: {},
  headers: {},
  replyTo: null,
  priority: 0,
  properties: {},
  callbacks: null,
  errbacks: null,
  chain: null,
  chord: null,
})

async function setup(overrides: Partial<WorkerSettings> = {}) {
  const directory = await mkdtemp(path.join(tmpdir(), 'celeriac-worker-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const topology = buildTopology()
  const broker = createMemoryBroker({ topology, clock: systemClock })
  await broker.start()
  onTestFinished(() => broker.stop())
  const worker = await startWorker({
    broker,
    topology,
    settings: { ...settings, ...overrides },
    logger: silentLogger(),
    metrics: createMetrics({ processMetrics: false }),
    http: { host: '127.0.0.1', port: 0 },
    version: '0.0.0',
  })
  onTestFinished(() => worker.abort())
  const replyTo = topology.eventQueue(0)
  const heard: TaskEvent[] = []
  await broker.consume({
    queue: replyTo,
    prefetch: 0,
    noAck: true,
    onDelivery: (delivery) => heard.push(decodeResultMessage(delivery)),
  })
  const artifactRoot = fileUrlOf(directory)
  const anAttempt = (algoName: string, params: OperatorAttempt['params'] = {}): OperatorAttempt => ({
    attemptId: `${algoName}-1`,
    runId: 'run-1',
    operatorId: 'op-1',
    attempt: 1,
    algoName,
    params,
    inputs: {},
    outputPrefix: artifactLayout(artifactRoot).attemptPrefix({
      runId: 'run-1',
      operatorId: 'op-1',
      attempt: 1,
    }),
    artifactRoot,
    datasets: {},
    softTimeLimitS: null,
    timeLimitS: null,
  })
  const send = (attempt: OperatorAttempt) =>
    broker.publish([
      encodeTaskMessage(
        operatorTaskMessage(attempt, { replyTo, origin: 'test' }),
        topology.executorQueue('local'),
      ),
    ])
  return { broker, topology, worker, heard, send, anAttempt }
}

test('a message becomes a running Python operator, its log a file, its end a result', async () => {
  const { worker, heard, send, anAttempt } = await setup()
  const attempt = anAttempt('algo_local_test_sleep', { seconds: 0.1, lines: 3 })
  await send(attempt)
  await expect.poll(() => heard.map(({ event }) => event.status), { timeout: 20_000 }).toContain('SUCCESS')
  expect(heard[0]?.event).toMatchObject({
    status: 'STARTED',
    worker: 'w1@test',
    startedAt: expect.any(Number),
  })
  const page = await readLogPage(pathOf(artifactLayout(attempt.artifactRoot).logUri(attempt)), { offset: 0 })
  expect(page.lines.map(({ text }) => text)).toEqual(['line 1 of 3', 'line 2 of 3', 'line 3 of 3'])
  const metrics = await (await fetch(`${worker.url}/metrics`)).text()
  expect(metrics).toContain('celeriac_attempts_finished_total{executor="local",outcome="succeeded"} 1')
  expect(metrics).toMatch(/celeriac_executor_processes\{executor="local",state="(idle|busy)"\} [12]/)
  expect((await fetch(`${worker.url}/readyz`)).status).toBe(200)
})

test('an operator that kills its process fails as such, and the worker goes on', async () => {
  const { heard, send, anAttempt } = await setup()
  await send(anAttempt('algo_local_test_crash', { mode: 'kill9' }))
  await expect
    .poll(() => heard.at(-1)?.event, { timeout: 20_000 })
    .toMatchObject({
      status: 'FAILURE',
      failure: { code: 'TASK_PROCESS_DIED' },
    })
  await send(anAttempt('algo_local_pass_through'))
  await expect.poll(() => heard.at(-1)?.event.status, { timeout: 20_000 }).toBe('SUCCESS')
})

test('an aborted worker hands its operator back', async () => {
  const { broker, topology, worker, heard, send, anAttempt } = await setup()
  await send(anAttempt('algo_local_test_crash', { mode: 'hang' }))
  await expect.poll(() => heard.at(-1)?.event.status, { timeout: 20_000 }).toBe('STARTED')
  const stopped = worker.stop()
  await worker.abort()
  await stopped
  const [depth] = await broker.depths([topology.executorQueue('local')])
  expect(depth).toMatchObject({ messages: 1, consumers: 0 })
})

test('a queue that the worker has no executor for is a fault of the configuration', async () => {
  await expect(setup({ queues: ['local', 'dc'] })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    details: { problems: [{ setting: 'queues' }] },
  })
})

test('plain tasks of an imported module run beside operators', async () => {
  const { broker, topology, worker, heard, send, anAttempt } = await setup({
    queues: ['local', buildTopology().celeryQueue],
    import: [path.join(import.meta.dirname, 'plain-app.ts')],
  })
  await send(anAttempt('algo_local_pass_through'))
  const codec = await createMessageCodec({ accept: ['json'] })
  await broker.publish([
    encodeTaskCall(
      aCall({ id: 'plain-1', task: 'tasks.add', args: [2, 3] }),
      { exchange: '', routingKey: topology.celeryQueue, serializer: 'json', compression: null },
      codec,
      0,
    ),
  ])
  const client = new MemoryBackend({ results })
  await client.start()
  await expect
    .poll(async () => (await client.find(['plain-1'])).get('plain-1'), { timeout: 20_000 })
    .toMatchObject({ status: 'SUCCESS', result: 5 })
  await expect.poll(() => heard.at(-1)?.event.status, { timeout: 20_000 }).toBe('SUCCESS')
  const metrics = await (await fetch(`${worker.url}/metrics`)).text()
  expect(metrics).toContain('celeriac_plain_tasks_finished_total{queue="celery",outcome="succeeded"} 1')
  expect(await (await fetch(`${worker.url}/readyz`)).json()).toMatchObject({
    ready: true,
    checks: { executor: 'ok', tasks: 'ok' },
  })
})

test('a module that cannot be loaded is a fault of the configuration', async () => {
  await expect(setup({ import: ['./there-is-no-such-module.js'] })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'a module of tasks cannot be loaded',
  })
})

test('a worker under whose artifacts the disk is full says so, and takes no operators', async () => {
  const { worker, send, anAttempt, broker, topology } = await setup({
    queues: ['local'],
    concurrency: 1,
    dataDir: tmpdir(),
    minFreeDiskMib: 1_000_000_000,
  })
  const answer = await fetch(`${worker.url}/readyz`)
  expect(answer.status).toBe(503)
  expect(await answer.json()).toMatchObject({
    ready: false,
    checks: {
      disk: expect.stringMatching(/^the disk is full: \d+ MiB are free, 1000000000 MiB are needed$/),
    },
  })
  await send(anAttempt('algo_local_test_sleep'))
  const [depth] = await broker.depths([topology.executorQueue('local')])
  expect(depth).toMatchObject({ messages: 1, consumers: 0 })
})
