import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { anAttempt, setup } from './setup.ts'

async function aRunningAttempt() {
  const clock = new FakeClock()
  const context = await setup({ clock })
  await context.startWorker()
  const attempt = anAttempt()
  await context.send(attempt)
  await expect.poll(() => context.executor.runs).toHaveLength(1)
  const [run] = context.executor.runs
  return { ...context, clock, attempt, listener: run!.listener }
}

test('STARTED is told about attempts that outlast 20 ms', async () => {
  const { clock, listener, statuses, attempt, heard } = await aRunningAttempt()
  listener.onStarted()
  clock.advance(19)
  await new Promise(setImmediate)
  expect(heard).toEqual([])
  clock.advance(1)
  await expect.poll(() => statuses(attempt.attemptId)).toEqual(['STARTED'])
  expect(heard[0]?.startedAt).toBe(clock.now() - 20)
})

test('a shorter attempt tells its start with its result only', async () => {
  const { clock, listener, executor, statuses, attempt, heard } = await aRunningAttempt()
  listener.onStarted()
  clock.advance(10)
  executor.finish(attempt.attemptId)
  await expect.poll(() => statuses(attempt.attemptId)).toEqual(['SUCCESS'])
  clock.advance(1_000)
  await new Promise(setImmediate)
  expect(statuses(attempt.attemptId)).toEqual(['SUCCESS'])
  expect(heard[0]?.startedAt).toBe(clock.now() - 1_010)
})

test('progress is told at most twice a second, the last state always, and STARTED before it', async () => {
  const { clock, listener, statuses, attempt, heard } = await aRunningAttempt()
  listener.onStarted()
  for (let current = 1; current <= 50; current++) {
    listener.onProgress({ current, total: 50, message: '' })
    clock.advance(10)
  }
  clock.advance(500)
  await expect.poll(() => heard.at(-1)?.result).toEqual({ current: 50, total: 50, message: '' })
  expect(statuses(attempt.attemptId)).toEqual(['STARTED', 'PROGRESS', 'PROGRESS'])
})

test('no progress follows the result', async () => {
  const { clock, listener, executor, statuses, attempt } = await aRunningAttempt()
  listener.onStarted()
  listener.onProgress({ current: 1, total: 2, message: '' })
  listener.onProgress({ current: 2, total: 2, message: '' })
  executor.finish(attempt.attemptId)
  await expect.poll(() => statuses(attempt.attemptId)).toEqual(['STARTED', 'PROGRESS', 'SUCCESS'])
  clock.advance(5_000)
  await new Promise(setImmediate)
  expect(statuses(attempt.attemptId)).toHaveLength(3)
})
