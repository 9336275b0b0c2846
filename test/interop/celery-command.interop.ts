import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { celeryCommand } from './support/celery-command.ts'
import { nodeName, startInterop, type Interop } from './support/celeriac-worker.ts'
import { interopPython, pythonFolder } from './support/python-client.ts'

const slow = { timeout: 30_000 }
/** The tool waits this long for answers of workers that it does not know of. */
const patience = ['--timeout', '3']

let interop: Interop
const run = <Value>(code: string): Promise<Value> => interop.python.run<Value>(code)
const celery = (...args: readonly string[]): Promise<string> => celeryCommand(args, interop.env)

const literal = (text: string): string => JSON.stringify(text)

/** What our worker answers to Celery's client; the command line asks the same way, but takes a second to start. */
const inspect = (method: string, ...args: readonly string[]): Promise<unknown> =>
  run(
    `app.control.inspect(["${nodeName}"], timeout=30).${method}(${args.map(literal).join(', ')})["${nodeName}"]`,
  )
const control = (method: string, fields: Readonly<Record<string, unknown>> = {}): Promise<unknown> =>
  run(
    `app.control.broadcast("${method}", json.loads(${literal(JSON.stringify(fields))}), ["${nodeName}"], reply=True, timeout=30)[0]["${nodeName}"]`,
  )

beforeAll(async () => {
  interop = await startInterop({ kind: 'redis' })
})
afterAll(() => interop?.close())

test('celery status and celery inspect ping find our worker', async () => {
  expect(await celery('status', ...patience)).toMatch(new RegExp(`${nodeName}: OK[^]*1 node online`))
  expect(await celery('inspect', ...patience, 'ping')).toMatch(new RegExp(`${nodeName}: OK\\s+pong`))
  const answers: unknown = JSON.parse(await celery('inspect', '--json', ...patience, 'active_queues'))
  expect(answers).toMatchObject({ [nodeName]: [{ name: `${interop.prefix}celery` }, {}] })
})

test('inspect tells what our worker is', async () => {
  expect(await inspect('registered')).toEqual(expect.arrayContaining(['tasks.add', 'tasks.nap']))
  expect(await inspect('active_queues')).toMatchObject([
    { name: `${interop.prefix}celery`, exchange: { type: 'direct' }, routing_key: `${interop.prefix}celery` },
    { name: `${interop.prefix}urgent` },
  ])
  expect(await inspect('stats')).toMatchObject({
    pid: interop.worker.process.child.pid,
    pool: { 'max-concurrency': 4 },
    uptime: expect.any(Number),
  })
  expect(await inspect('conf')).toMatchObject({ task_default_queue: `${interop.prefix}celery` })
  expect(await inspect('clock')).toMatchObject({ clock: expect.any(Number) })
  expect(await inspect('report')).toMatchObject({ ok: expect.stringContaining('celeriac') })
})

test('inspect tells what our worker does', async () => {
  await run('napping = send("gate", "inspected"); delayed = add.apply_async((1, 1), countdown=600)')
  await expect.poll(() => inspect('active'), slow).toMatchObject([{ name: 'tasks.gate', hostname: nodeName }])
  const [id, delayed] = [await run<string>('napping.id'), await run<string>('delayed.id')]
  expect(await inspect('query_task', id)).toMatchObject({ [id]: ['active', { id, args: ['inspected'] }] })
  expect(await inspect('reserved')).toEqual([])
  // It was sent after the one that runs.
  await expect
    .poll(() => inspect('scheduled'), slow)
    .toMatchObject([{ eta: expect.any(String), request: { id: delayed } }])
  await control('revoke', { task_id: delayed })
  expect(await inspect('revoked')).toContain(delayed)
  await interop.open('inspected')
  expect(await run('get(napping)')).toBe('open')
})

test('control changes our worker', async () => {
  const answered = await celery('control', ...patience, '-d', nodeName, 'rate_limit', 'tasks.add', '1000/s')
  expect(answered).toContain('new rate limit set successfully')
  expect(await control('rate_limit', { task_name: 'tasks.none', rate_limit: '1/s' })).toEqual({
    error: 'unknown task',
  })
  expect(await control('time_limit', { task_name: 'tasks.nap', soft: 5, hard: 9 })).toEqual({
    ok: 'time limits set successfully',
  })
  expect(await control('pool_grow', { n: 2 })).toEqual({ ok: 'pool will grow' })
  expect(await inspect('stats')).toMatchObject({ pool: { 'max-concurrency': 6 } })
  expect(await control('pool_shrink', { n: 2 })).toEqual({ ok: 'pool will shrink' })
  expect(await control('autoscale', { max: 4, min: 2 })).toMatchObject({
    error: expect.stringContaining('utoscale'),
  })
})

test('control lets our worker take another queue, and leave it', async () => {
  const queue = `${interop.prefix}further`
  expect(await control('add_consumer', { queue })).toEqual({ ok: `add consumer ${queue}` })
  expect(await run(`get(add.apply_async((20, 22), queue="${queue}"))`)).toBe(42)
  expect(await control('cancel_consumer', { queue })).toEqual({ ok: `no longer consuming from ${queue}` })
  const names = async () => ((await inspect('active_queues')) as { name: string }[]).map(({ name }) => name)
  await expect.poll(names, slow).not.toContain(queue)
})

test('celery call and celery result work with our worker', async () => {
  const id = (await celery('call', 'tasks.add', '--args', '[20, 22]')).trim()
  expect(id).toMatch(/^[0-9a-f-]{36}$/)
  expect((await celery('result', id)).trim()).toBe('42')
})

test('tasks of a higher priority come first', async () => {
  const queue = `${interop.prefix}urgent`
  // One slot, held by a task that waits: the others stay in the queue beyond what is prefetched.
  await control('pool_shrink', { n: 3 })
  await run(`
from kombu import Queue
urgent = Queue("${queue}", routing_key="${queue}", max_priority=10)
held = app.send_task("tasks.gate", ["urgent"], queue=urgent)
`)
  await expect.poll(() => inspect('active'), slow).toHaveLength(1)
  await run(`
for number in range(20):
    app.send_task("tasks.store", [number, "order"], queue=urgent, priority=0)
for number in range(100, 110):
    app.send_task("tasks.store", [number, "order"], queue=urgent, priority=9)
`)
  await interop.open('urgent')
  await expect.poll(() => interop.effects('order'), slow).toHaveLength(30)
  const order = (await interop.effects('order')) as readonly number[]
  const lastUrgent = order.findLastIndex((number) => number >= 100)
  // What was prefetched before the urgent ones were sent is ahead of them, the rest behind.
  const overtaken = order.slice(lastUrgent).filter((number) => number < 100).length
  expect(overtaken).toBeGreaterThanOrEqual(20 - 2 * 4)
  await control('pool_grow', { n: 3 })
})

test('celery events sees the life of tasks and of the worker', async () => {
  const dump = spawn(interopPython(), ['-m', 'celery', '-A', 'client_tasks', 'events', '--dump'], {
    cwd: pythonFolder,
    env: { ...process.env, ...interop.env, PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(async () => {
    dump.kill('SIGKILL')
    await once(dump, 'close')
  })
  let output = ''
  dump.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  await expect.poll(() => output, slow).toContain('heartbeat: ')
  expect(await control('enable_events')).toEqual({ ok: 'task events enabled' })
  await run('seen = add.delay(20, 22); get(seen); lost = fail.delay("bad"); get(lost, propagate=False); None')
  const [seen, lost] = [await run<string>('seen.id'), await run<string>('lost.id')]
  for (const text of [
    new RegExp(`task received: tasks\\.add\\(${seen}\\) args=\\(20, 22\\) kwargs=\\{\\}`),
    new RegExp(`task started: tasks\\.add\\(${seen}\\)`),
    new RegExp(`task succeeded: tasks\\.add\\(${seen}\\)[^]*result=42`),
    new RegExp(`task failed: tasks\\.fail\\(${lost}\\)[^]*exception=ValueError\\('bad', 42\\)`),
  ])
    await expect.poll(() => output, slow).toMatch(text)
  expect(await control('disable_events')).toEqual({ ok: 'task events disabled' })
})

test('celery purge empties the queue of our worker', async () => {
  const { prefix } = interop
  expect(await control('cancel_consumer', { queue: `${prefix}celery` })).toMatchObject({
    ok: expect.any(String),
  })
  await run('[add.delay(1) for _ in range(3)]; None')
  expect(await celery('purge', '--force', '-Q', `${prefix}celery`)).toContain('3 messages')
  expect(await control('add_consumer', { queue: `${prefix}celery` })).toMatchObject({
    ok: expect.any(String),
  })
})

test('celery control shutdown ends our worker', async () => {
  // Celery's own workers do not answer this one either: the tool says so and fails.
  await expect(celery('control', '--timeout', '0.1', '-d', nodeName, 'shutdown')).rejects.toThrow(
    'No nodes replied',
  )
  expect(await interop.worker.process.exited).toMatchObject({ code: 0 })
})
