import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { freePort } from '../support/processes.ts'
import { nodeName, startInterop, type Interop } from './support/celeriac-worker.ts'
import { interopPython, pythonFolder } from './support/python-client.ts'

const slow = { timeout: 30_000 }

let interop: Interop
let flower: ChildProcess
let folder: string
let base: string
let output = ''
const run = <Value>(code: string): Promise<Value> => interop.python.run<Value>(code)

/** Answer of Flower's HTTP API; rejects with its text when it is none of success. */
async function ask<Answer>(method: 'GET' | 'POST', path: string): Promise<Answer> {
  const response = await fetch(`${base}${path}`, { method })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}\n${output}`)
  return JSON.parse(text) as Answer
}
const post = <Answer>(path: string, fields: Readonly<Record<string, string>> = {}): Promise<Answer> =>
  ask('POST', `${path}?${new URLSearchParams(fields).toString()}`)

interface SeenTask {
  readonly state: string
  readonly worker: string
  readonly result: string | null
}

beforeAll(async () => {
  // Flower switches the events of workers on by itself.
  interop = await startInterop({ kind: 'redis' })
  folder = await mkdtemp(join(tmpdir(), 'celeriac-flower-'))
  const port = await freePort()
  base = `http://127.0.0.1:${port}`
  flower = spawn(
    interopPython(),
    [
      '-m',
      'celery',
      '-A',
      'client_tasks',
      'flower',
      '--address=127.0.0.1',
      `--port=${port}`,
      `--db=${join(folder, 'flower')}`,
    ],
    {
      cwd: pythonFolder,
      env: {
        ...process.env,
        ...interop.env,
        FLOWER_UNAUTHENTICATED_API: 'true',
        PYTHONDONTWRITEBYTECODE: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  for (const stream of [flower.stdout, flower.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text))
  await vi.waitFor(
    async () => {
      const { status } = await fetch(`${base}/healthcheck`)
      expect(status, output).toBe(200)
    },
    { timeout: 60_000, interval: 100 },
  )
  // Until the worker has heard that Flower wants events, tasks go unseen.
  await vi.waitFor(
    async () => {
      await run('get(add.delay(1))')
      expect(await ask('GET', '/api/tasks')).not.toEqual({})
    },
    { timeout: 60_000, interval: 200 },
  )
}, 150_000)

afterAll(async () => {
  if (flower?.exitCode === null) {
    const ended = once(flower, 'close')
    flower.kill('SIGTERM')
    await ended
  }
  await interop?.close()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

test('Flower sees our worker, what it runs and what it listens to', async () => {
  // Flower waits a second for each answer: it is asked until all of them have come in time.
  await expect
    .poll(() => ask('GET', '/api/workers?refresh=1').catch(String), slow)
    .toMatchObject({
      [nodeName]: {
        registered: expect.arrayContaining(['tasks.add', 'tasks.fail']),
        stats: { pool: { 'max-concurrency': 4 }, pid: interop.worker.process.child.pid },
        active_queues: [{ name: `${interop.prefix}celery` }, { name: `${interop.prefix}urgent` }],
        conf: { task_default_queue: `${interop.prefix}celery` },
      },
    })
  await expect.poll(() => ask('GET', '/api/workers?status=1'), slow).toEqual({ [nodeName]: true })
})

test('Flower follows our tasks to their ends', async () => {
  await run('added = add.delay(20, 22); get(added)')
  const added = await run<string>('added.id')
  await expect
    .poll(() => ask('GET', `/api/task/info/${added}`).catch(String), slow)
    .toMatchObject({ state: 'SUCCESS', name: 'tasks.add', args: '(20, 22)', result: '42', worker: nodeName })
  await run('failed = fail.delay("bad"); get(failed, propagate=False); None')
  const failed = await run<string>('failed.id')
  await expect
    .poll(() => ask('GET', `/api/task/info/${failed}`).catch(String), slow)
    .toMatchObject({
      state: 'FAILURE',
      exception: "ValueError('bad', 42)",
      traceback: expect.stringContaining('tasks.js'),
    })
  const tasks = await ask<Record<string, SeenTask>>('GET', `/api/tasks?workername=${nodeName}&state=FAILURE`)
  expect(Object.keys(tasks)).toEqual([failed])
  expect(await ask('GET', '/api/task/types')).toEqual({
    'task-types': expect.arrayContaining(['tasks.add', 'tasks.fail']),
  })
})

test('Flower calls a task of our worker and reads its result', async () => {
  const response = await fetch(`${base}/api/task/async-apply/tasks.add`, {
    method: 'POST',
    body: JSON.stringify({ args: [20, 22] }),
  })
  const { 'task-id': id } = (await response.json()) as { 'task-id': string }
  await expect
    .poll(() => ask('GET', `/api/task/result/${id}?timeout=30`), slow)
    .toMatchObject({ state: 'SUCCESS', result: 42 })
})

test('Flower revokes and terminates a task of our worker', async () => {
  await run('spinning = send("spin")')
  const id = await run<string>('spinning.id')
  const seen = () => ask<SeenTask>('GET', `/api/task/info/${id}`).catch(String)
  await expect.poll(seen, slow).toMatchObject({ state: 'STARTED' })
  await post(`/api/task/revoke/${id}`, { terminate: 'true', signal: 'SIGKILL' })
  await expect(run('get(spinning)')).rejects.toMatchObject({ name: 'TaskRevokedError' })
  await expect.poll(seen, slow).toMatchObject({ state: 'REVOKED' })
})

test('Flower changes our worker: limits, pool, queues', async () => {
  const message = (text: string) => ({ message: expect.stringContaining(text) })
  expect(
    await post('/api/task/rate-limit/tasks.add', { ratelimit: '1000/s', workername: nodeName }),
  ).toMatchObject(message('new rate limit set successfully'))
  expect(
    await post('/api/task/timeout/tasks.nap', { soft: '5', hard: '9', workername: nodeName }),
  ).toMatchObject(message('time limits set successfully'))
  expect(await post(`/api/worker/pool/grow/${nodeName}`, { n: '2' })).toMatchObject(message('Growing'))
  expect(await post(`/api/worker/pool/shrink/${nodeName}`, { n: '2' })).toMatchObject(message('Shrinking'))
  const queue = `${interop.prefix}further`
  expect(await post(`/api/worker/queue/add-consumer/${nodeName}`, { queue })).toMatchObject(
    message('add consumer'),
  )
  expect(await post(`/api/worker/queue/cancel-consumer/${nodeName}`, { queue })).toMatchObject(
    message('no longer consuming'),
  )
})

test('Flower’s metrics show our worker', async () => {
  const metrics = await (await fetch(`${base}/metrics`)).text()
  expect(metrics).toMatch(new RegExp(`flower_worker_online\\{worker="${nodeName}"\\} 1`))
  expect(metrics).toMatch(
    new RegExp(`flower_events_total\\{[^}]*task="tasks.add"[^}]*type="task-succeeded"[^}]*\\}`),
  )
})

test('Flower shuts our worker down', async () => {
  await post(`/api/worker/shutdown/${nodeName}`)
  expect(await interop.worker.process.exited).toMatchObject({ code: 0 })
  await expect.poll(() => ask('GET', '/api/workers?status=1'), slow).toEqual({ [nodeName]: false })
})
