import { readFileSync } from 'node:fs'
import { silentLogger } from '@celeriac/runtime'
import { expect, onTestFinished, test } from 'vitest'
import type { TaskValue } from '@celeriac/tasks'
import type { TaskRequest } from '../../../src/worker/plain/task-context.ts'
import { ChildPool, type ChildPoolOptions } from '../../../src/worker/pool/child-pool.ts'
import { spawnProcess, spawnThread } from '../../../src/worker/pool/spawn-child.ts'
import type { JobHost, RunningJob } from '../../../src/worker/pool/task-pool.ts'
import { aTaskCall } from '../../message/a-task-call.ts'
import { aFile, childTasksModule, typescript, untilWritten } from './typescript-children.ts'

async function aPool(options: Partial<ChildPoolOptions> = {}, size = 1) {
  const isolation = options.isolation ?? 'process'
  const pool = new ChildPool({
    isolation,
    spawn: isolation === 'process' ? spawnProcess(typescript) : spawnThread(typescript),
    modules: [childTasksModule],
    logger: silentLogger(),
    ...options,
  })
  onTestFinished(() => pool.stop())
  await pool.resize(size)
  const asked: unknown[] = []
  const host: JobHost = {
    logger: {
      debug: () => undefined,
      info: (fields, message) => void asked.push(['log', fields, message]),
      warn: () => undefined,
      error: () => undefined,
    },
    updateState: (state, meta) => Promise.resolve(void asked.push([state, meta])),
    apply: ({ task }) => {
      asked.push(['apply', task])
      return Promise.resolve([['child-1', null], null])
    },
    addToChord: () => Promise.reject(new Error('no chord')),
  }
  const started: number[] = []
  const run = (task: string, args: readonly TaskValue[] = []): RunningJob => {
    const request: TaskRequest = {
      ...aTaskCall({ task, args }),
      hostname: 'w@test',
      redelivered: false,
      deliveryInfo: { exchange: '', routingKey: 'q', queue: 'q' },
    }
    const registered = { name: task, options: {}, run: () => undefined }
    return pool.run({ task: registered, request, host, onStarted: (pid) => started.push(pid) })
  }
  return { pool, run, asked, started }
}

test('handlers run in a process of their own; values and errors cross as they are', async () => {
  const { pool, run, started } = await aPool()
  const whoami = await run('whoami').end
  expect(whoami).toEqual({ kind: 'returned', value: [pool.children[0], 0] })
  expect(pool.children[0]).not.toBe(process.pid)
  expect(started).toEqual([pool.children[0]])
  const at = new Date('2026-01-02T03:04:05.678Z')
  expect(await run('when', [at]).end).toEqual({ kind: 'returned', value: at })
  expect(await run('fail').end).toMatchObject({
    kind: 'failed',
    failure: { exception: { exc_type: 'RangeError', exc_message: ['in the child'] } },
  })
  expect(await run('unwritable').end).toMatchObject({ kind: 'failed' })
  expect(await run('nobody.knows').end).toMatchObject({
    failure: { exception: { exc_type: 'NotRegistered' } },
  })
})

test('a handler in a child logs, tells its state and calls others through the worker', async () => {
  const { run, asked } = await aPool()
  expect(await run('ask').end).toEqual({ kind: 'returned', value: 'child-1' })
  expect(asked).toEqual([
    ['log', { answer: 42 }, 'asked'],
    ['PROGRESS', { done: 1 }],
    ['apply', 'add'],
  ])
})

test('a kill hits a handler that does nothing but compute, and the pool heals', async () => {
  const { pool, run } = await aPool()
  const file = aFile()
  const job = run('spin', [file])
  await untilWritten(file)
  expect(job.pid).toBe(Number(readFileSync(file, 'utf8')))
  job.kill('time_limit')
  expect(await job.end).toEqual({ kind: 'killed', reason: 'time_limit' })
  expect(await run('add', [1, 2]).end).toEqual({ kind: 'returned', value: 3 })
  expect(pool.children).toHaveLength(1)
})

test('a soft limit aborts the signal in the child', async () => {
  const { run } = await aPool()
  const job = run('polite')
  job.abort('soft_time_limit')
  expect(await job.end).toEqual({ kind: 'returned', value: 'SoftTimeLimitExceeded' })
})

test('a child that dies loses its job and no other', async () => {
  const { pool, run } = await aPool({}, 2)
  const polite = run('polite')
  expect(await run('die').end).toEqual({ kind: 'lost', detail: 'signal SIGKILL' })
  expect(await run('exit').end).toEqual({ kind: 'lost', detail: 'exit code 3' })
  polite.abort('soft_time_limit')
  expect(await polite.end).toMatchObject({ kind: 'returned' })
  expect(pool.children).toHaveLength(2)
})

test('a job that waits for a child is not started, and can be killed', async () => {
  const { run, started } = await aPool()
  const first = run('polite')
  const waiting = run('add', [1, 1])
  expect(started).toHaveLength(1)
  waiting.kill('terminated')
  expect(await waiting.end).toEqual({ kind: 'killed', reason: 'terminated' })
  first.abort('soft_time_limit')
  await first.end
  expect(started).toHaveLength(1)
})

test('a child is replaced after its number of tasks, and after the task that left it too large', async () => {
  const { run } = await aPool({ maxTasksPerChild: 2, maxMemoryBytes: 180 * 1_048_576 })
  const pidOf = async (): Promise<unknown> => {
    const end = await run('whoami').end
    return end.kind === 'returned' ? (end.value as readonly unknown[])[0] : end
  }
  const [first, second, third] = [await pidOf(), await pidOf(), await pidOf()]
  expect(second).toBe(first)
  expect(third).not.toBe(first)
  // The third child has one task behind it; only its size can end it now.
  const { run: runOnce } = await aPool({ maxMemoryBytes: 180 * 1_048_576 })
  const job = runOnce('grow')
  const grown = job.pid
  await job.end
  const next = await runOnce('whoami').end
  expect(next).toMatchObject({ kind: 'returned' })
  expect(next.kind === 'returned' && (next.value as readonly unknown[])[0]).not.toBe(grown)
})

test('a pool whose children cannot load the tasks does not start', async () => {
  await expect(aPool({ modules: ['./there-is-no-such-module.ts'] })).rejects.toMatchObject({
    code: 'EXECUTOR_UNAVAILABLE',
  })
})

test('threads can be killed too', async () => {
  const { run } = await aPool({ isolation: 'thread' })
  const [first] = [await run('whoami').end]
  expect(first).toMatchObject({ kind: 'returned', value: [process.pid, expect.any(Number)] })
  const file = aFile()
  const job = run('spin', [file])
  await untilWritten(file)
  job.kill('terminated')
  expect(await job.end).toEqual({ kind: 'killed', reason: 'terminated' })
  expect(await run('add', [2, 2]).end).toEqual({ kind: 'returned', value: 4 })
})

test('a stop hands back what runs and what waits, and leaves no process', async () => {
  const { pool, run } = await aPool()
  const [running, waiting] = [run('polite'), run('add', [1, 1])]
  const [pid = 0] = pool.children
  await pool.stop()
  const handedBack = { kind: 'killed', reason: 'handed_back' }
  expect([await running.end, await waiting.end, await run('add').end]).toEqual([
    handedBack,
    handedBack,
    handedBack,
  ])
  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  await expect(pool.resize(1)).rejects.toMatchObject({ code: 'EXECUTOR_UNAVAILABLE' })
})
