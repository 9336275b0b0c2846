import type { AttemptOutcome } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { FakeClock, hearingListener } from '@celeriac/testkit'
import { expect, test, vi } from 'vitest'
import { BaseExecutor, defaultLogLimits, type BaseExecutorOptions, type Job } from '../../src/index.ts'
import { anAttempt } from '../local/setup.ts'
import { inProcess } from './in-process.ts'

const anExecutor = (options: Partial<BaseExecutorOptions> = {}) =>
  new BaseExecutor({ name: 'gpu', behaviour: inProcess, logger: silentLogger(), ...options })

const outcomeOf = (execute: () => unknown): Promise<AttemptOutcome> =>
  anExecutor({ behaviour: { execute: async () => execute() } }).run(anAttempt(), hearingListener()).outcome

const thrower = (error: unknown) => () => {
  throw error
}

test('an error with a code of ours keeps it, whatever class it has', async () => {
  const error = Object.assign(new Error('no such column'), {
    code: 'TASK_INVALID_INPUT',
    details: { column: 'x' },
    excType: 'InvalidInput',
  })
  expect(await outcomeOf(thrower(error))).toEqual({
    status: 'failed',
    failure: {
      code: 'TASK_INVALID_INPUT',
      message: 'no such column',
      excType: 'InvalidInput',
      details: { column: 'x' },
    },
    retryable: false,
  })
  expect(await outcomeOf(thrower(Object.assign(error, { retryable: true })))).toMatchObject({
    retryable: true,
  })
})

test.each([[new Error('spawn ENOENT')], [Object.assign(new Error('spawn ENOENT'), { code: 'ENOENT' })]])(
  'any other error is TASK_FAILED',
  async (error) => {
    expect(await outcomeOf(thrower(error))).toMatchObject({
      failure: { code: 'TASK_FAILED', message: 'spawn ENOENT' },
      retryable: true,
    })
  },
)

test.each(['ENOSPC', 'EDQUOT'])(
  'a disk that is full (%s) is STORE_FULL: another attempt may find space',
  async (code) => {
    const error = Object.assign(new Error(`${code}: write`), { code })
    expect(await outcomeOf(thrower(error))).toMatchObject({
      failure: { code: 'STORE_FULL' },
      retryable: true,
    })
  },
)

test.each<[thrown: unknown]>([['a text'], [undefined], [{}]])(
  'also what is no error at all: %j',
  async (thrown) => {
    expect(await outcomeOf(thrower(thrown))).toMatchObject({
      status: 'failed',
      failure: { code: 'TASK_FAILED' },
    })
  },
)

test('a result of the wrong shape fails the attempt for good', async () => {
  expect(await outcomeOf(() => ({ outputs: { a: 1 } }))).toMatchObject({
    failure: { code: 'TASK_MALFORMED_RESULT' },
    retryable: false,
  })
})

test('an attempt that ignores both signals is given up after two graces, and cannot hold up the stop', async () => {
  const clock = new FakeClock()
  const logger = silentLogger()
  const error = vi.spyOn(logger, 'error')
  const executor = anExecutor({ clock, logger, graceMs: 100 })
  const attempt = anAttempt({ do: 'ignore' })
  const { outcome } = executor.run(attempt, hearingListener())
  executor.cancel(attempt.attemptId, 'enough')
  clock.advance(100)
  expect(error).not.toHaveBeenCalled()
  clock.advance(100)
  expect(await outcome).toEqual({ status: 'revoked', reason: 'enough' })
  expect(error).toHaveBeenCalledOnce()
  await executor.stop()
  expect(clock.pending).toBe(0)
})

test('the stop signal comes first, the kill signal after the grace, both with the reason', async () => {
  const clock = new FakeClock()
  let job: Job | null = null
  const executor = anExecutor({
    clock,
    graceMs: 100,
    behaviour: {
      execute: (_attempt, given) => {
        job = given
        return new Promise(() => {})
      },
    },
  })
  const attempt = anAttempt()
  const { outcome } = executor.run(attempt, hearingListener())
  executor.cancel(attempt.attemptId, 'enough')
  expect(job!.stopSignal.aborted).toBe(true)
  expect(job!.stopSignal.reason).toBe('enough')
  expect(job!.killSignal.aborted).toBe(false)
  clock.advance(100)
  expect(job!.killSignal.aborted).toBe(true)
  clock.advance(100)
  await outcome
})

test('the time limit counts from the start of the attempt; a result that comes in spite of it counts', async () => {
  const clock = new FakeClock()
  let job: Job | null = null
  let succeed = (_result: unknown): void => {}
  const executor = anExecutor({
    clock,
    behaviour: {
      execute: (_attempt, given) => {
        job = given
        return new Promise((resolve) => {
          succeed = resolve
        })
      },
    },
  })
  const { outcome } = executor.run(anAttempt({}, { timeLimitS: 10 }), hearingListener())
  clock.advance(60_000)
  expect(job!.killSignal.aborted).toBe(false)
  job!.started()
  job!.started()
  clock.advance(10_000)
  expect(job!.killSignal.aborted).toBe(true)
  succeed({})
  expect(await outcome).toMatchObject({ status: 'succeeded' })
})

test('output is cut into lines of bounded length, and what is too much is left out with a remark', async () => {
  const listener = hearingListener()
  const executor = anExecutor({
    logs: { ...defaultLogLimits, lineBytes: 8, attemptBytes: 30 },
    behaviour: {
      execute: async (_attempt, job) => {
        job.write('stdout', 'on')
        job.write('stdout', 'e\ntwo\r\n')
        job.write('stderr', Buffer.from('x'.repeat(100)))
        job.note('moved to another machine')
        for (let line = 0; line < 10; line++) job.write('stdout', 'more\n')
        return {}
      },
    },
  })
  await executor.run(anAttempt(), listener).outcome
  expect(listener.lines.map(({ stream, text }) => `${stream} ${text}`)).toEqual([
    'stdout one',
    'stdout two',
    'system moved to another machine',
    ...Array.from({ length: 6 }, () => 'stdout more'),
    'system log truncated: the attempt wrote more than 30 bytes',
    'system log truncated: 5 lines left out, over the size limit',
  ])
})

test('progress that is none is ignored', async () => {
  const listener = hearingListener()
  const executor = anExecutor({
    behaviour: {
      execute: async (_attempt, job) => {
        for (const junk of [null, 'half', { current: 'a', total: 1, message: '' }, { current: 1, total: -1 }])
          job.progress(junk as never)
        job.progress({ current: 1, total: 2, message: 'half' })
        return {}
      },
    },
  })
  await executor.run(anAttempt(), listener).outcome
  expect(listener.progress).toEqual([{ current: 1, total: 2, message: 'half' }])
})

test('what a behaviour says after its attempt has ended is not passed on', async () => {
  let job: Job | null = null
  const listener = hearingListener()
  const executor = anExecutor({
    behaviour: {
      execute: async (_attempt, given) => {
        job = given
        return {}
      },
    },
  })
  await executor.run(anAttempt(), listener).outcome
  job!.started()
  job!.write('stdout', 'late\n')
  job!.note('late')
  job!.progress({ current: 1, total: 1, message: '' })
  expect(listener.heard).toEqual([])
})

test('an attempt that an earlier worker started is adopted, not started again', async () => {
  const executed: unknown[] = []
  const executor = anExecutor({
    behaviour: {
      adopt: async ({ runId }) => (runId === 'elsewhere' ? { jobId: 7 } : null),
      execute: async (_attempt, _job, adopted) => {
        executed.push(adopted)
        return {}
      },
    },
  })
  const listener = hearingListener()
  const adopted = await executor.adopt(anAttempt({}, { runId: 'elsewhere' }), listener)
  expect(await adopted?.outcome).toMatchObject({ status: 'succeeded' })
  expect(await executor.adopt(anAttempt(), listener)).toBeNull()
  await executor.run(anAttempt(), listener).outcome
  expect(executed).toEqual([{ jobId: 7 }, null])
})

test('a behaviour that cannot start says why, and is stopped', async () => {
  const stop = vi.fn(async () => {})
  const executor = anExecutor({
    behaviour: { ...inProcess, start: () => Promise.reject(new Error('no such host')), stop },
  })
  await expect(executor.start()).rejects.toMatchObject({
    code: 'EXECUTOR_UNAVAILABLE',
    details: { executor: 'gpu', reason: 'no such host' },
  })
  expect(stop).toHaveBeenCalledOnce()
  expect(await executor.run(anAttempt(), hearingListener()).outcome).toMatchObject({ status: 'revoked' })
})
