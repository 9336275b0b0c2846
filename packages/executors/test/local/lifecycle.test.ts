import { isAppError } from '@celeriac/core'
import { expect, test } from 'vitest'
import { aListener, anAttempt, anExecutor, aStartedExecutor, fakePython, isAlive, run } from './setup.ts'

const broken = (env: Record<string, string>) => ({
  ...fakePython,
  env: { PATH: process.env['PATH'] ?? '', ...env },
})

test('start tells why the parent did not come up', async () => {
  const executor = anExecutor({ python: broken({ FAKE_PARENT: 'exit' }) })
  const error = await executor.start().catch((reason: unknown) => reason)
  expect(isAppError(error) && error.code).toBe('EXECUTOR_UNAVAILABLE')
  expect(isAppError(error) && error.details).toMatchObject({ exit_code: 1 })
})

test('start tells what the interpreter said before it ended', async () => {
  const args = ['-S', '-E', '-c', 'import sys; sys.exit("no module named\\nceleriac.runner")']
  const executor = anExecutor({ python: { ...fakePython, args } })
  await expect(executor.start()).rejects.toMatchObject({
    code: 'EXECUTOR_UNAVAILABLE',
    details: { exit_code: 1, output: ['no module named', 'celeriac.runner'] },
  })
})

test('start fails when the interpreter does not exist', async () => {
  const executor = anExecutor({ python: { command: '/no/such/python', env: {} } })
  await expect(executor.start()).rejects.toMatchObject({
    code: 'EXECUTOR_UNAVAILABLE',
    details: { command: '/no/such/python' },
  })
})

test('start fails when the parent says nothing in time', async () => {
  const executor = anExecutor({
    python: broken({ FAKE_PARENT: 'mute' }),
    limits: { startTimeoutMs: 200, cancelGraceMs: 100 },
  })
  await expect(executor.start()).rejects.toMatchObject({
    code: 'EXECUTOR_UNAVAILABLE',
    details: { reason: 'no hello within 200 ms' },
  })
})

test.for(['exit', 'exit-after-hello'])('attempts fail when no process starts (%s)', async (how) => {
  const executor = anExecutor({
    python: broken({ FAKE_CHILD: how }),
    limits: { startTimeoutMs: 2_000, cancelGraceMs: 100 },
  })
  await executor.start()
  expect(await run(executor, anAttempt())).toMatchObject({
    status: 'failed',
    retryable: true,
    failure: { code: 'EXECUTOR_UNAVAILABLE' },
  })
})

test('a killed parent fails what runs, and the pool comes back with a new one', async () => {
  const executor = await aStartedExecutor()
  const listener = aListener()
  const running = executor.run(anAttempt({ do: 'hang' }), listener)
  await listener.firstLine
  const before = executor.parentPid
  process.kill(before ?? 0, 'SIGKILL')
  expect(await running.outcome).toMatchObject({ status: 'failed', failure: { code: 'TASK_PROCESS_DIED' } })
  expect((await run(executor, anAttempt())).status).toBe('succeeded')
  expect(executor.parentPid).not.toBe(before)
})

test('stop revokes what runs and what waits, and leaves no process', async () => {
  const executor = await aStartedExecutor({ poolSize: 1 })
  const parent = executor.parentPid ?? 0
  const listener = aListener()
  const running = executor.run(anAttempt({ do: 'hang' }), listener)
  const waiting = executor.run(anAttempt(), aListener())
  await listener.firstLine
  await executor.stop()
  expect((await running.outcome).status).toBe('revoked')
  expect((await waiting.outcome).status).toBe('revoked')
  expect(isAlive(parent)).toBe(false)
  expect(executor.counts()).toEqual({ starting: 0, idle: 0, busy: 0, waiting: 0 })
  await executor.stop()
})

test('stop is legal before start, and an executor that is not started refuses attempts', async () => {
  const executor = anExecutor()
  await executor.stop()
  expect(await run(executor, anAttempt())).toMatchObject({ failure: { code: 'EXECUTOR_UNAVAILABLE' } })
})

test('a stopped executor can be started again', async () => {
  const executor = await aStartedExecutor()
  await executor.stop()
  await executor.start()
  expect((await run(executor, anAttempt())).status).toBe('succeeded')
})
