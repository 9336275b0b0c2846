import type { AttemptOutcome } from '@celeriac/core'
import { expect, test } from 'vitest'
import type { LocalExecutor } from '../../src/index.ts'
import { aListener, anAttempt, aStartedExecutor, isAlive, run } from './setup.ts'

const expectHealed = async (executor: LocalExecutor): Promise<void> => {
  const outcomes = await Promise.all([1, 2, 3, 4].map(() => run(executor, anAttempt())))
  expect(outcomes.map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => 'succeeded'))
}
const failureOf = (outcome: AttemptOutcome) => (outcome.status === 'failed' ? outcome.failure : null)

test('a process killed by SIGKILL fails its attempt with a hint on memory; its last output is kept', async () => {
  const executor = await aStartedExecutor()
  const listener = aListener()
  const outcome = await executor.run(anAttempt({ do: 'kill9' }), listener).outcome
  expect(outcome).toMatchObject({ status: 'failed', retryable: true, failure: { code: 'TASK_PROCESS_DIED' } })
  expect(failureOf(outcome)?.message).toMatch(/SIGKILL.*out of memory/)
  expect(failureOf(outcome)?.details).toEqual({ exit_code: null, signal: 'SIGKILL' })
  expect(listener.lines.map(({ text }) => text)).toEqual(['last words'])
  await expectHealed(executor)
})

test('a process that exits fails its attempt with the exit code', async () => {
  const executor = await aStartedExecutor()
  const outcome = await run(executor, anAttempt({ do: 'exit', code: 7 }))
  expect(failureOf(outcome)).toMatchObject({
    code: 'TASK_PROCESS_DIED',
    message: 'the process that ran the attempt exited with code 7',
  })
  await expectHealed(executor)
})

test('an attempt that hangs is killed at its time limit', async () => {
  const executor = await aStartedExecutor()
  const outcome = await run(executor, anAttempt({ do: 'hang' }, { timeLimitS: 0.2 }))
  expect(failureOf(outcome)).toMatchObject({ code: 'TASK_TIMED_OUT', details: { time_limit_s: 0.2 } })
  await expectHealed(executor)
})

test('an attempt past its soft time limit ends by itself, and its process is replaced', async () => {
  const executor = await aStartedExecutor({ poolSize: 1 })
  const before = await run(executor, anAttempt())
  const outcome = await run(executor, anAttempt({ do: 'sleep', seconds: 60 }, { softTimeLimitS: 0.1 }))
  expect(failureOf(outcome)?.code).toBe('TASK_TIMED_OUT')
  const after = await run(executor, anAttempt())
  expect(after.status === 'succeeded' && after.result.metrics['pid']).not.toBe(
    before.status === 'succeeded' && before.result.metrics['pid'],
  )
})

test('an attempt out of memory fails as such', async () => {
  const executor = await aStartedExecutor()
  const outcome = await run(executor, anAttempt({ do: 'memory' }))
  expect(failureOf(outcome)?.code).toBe('TASK_OUT_OF_MEMORY')
  await expectHealed(executor)
})

test.for([
  ['an impossible length', 'ffffffff00'],
  ['no JSON', '00000003616263'],
  ['JSON that is no frame', '000000027b7d'],
])('a process that sends %s fails its attempt and is replaced', async ([, hex = '']) => {
  const executor = await aStartedExecutor()
  const outcome = await run(executor, anAttempt({ do: 'garbage', hex }))
  expect(failureOf(outcome)?.code).toBe('EXECUTOR_PROTOCOL')
  await expectHealed(executor)
})

test('a frame about another delivery is a breach of the protocol', async () => {
  const executor = await aStartedExecutor()
  const outcome = await run(executor, anAttempt({ do: 'stale' }))
  expect(failureOf(outcome)?.code).toBe('EXECUTOR_PROTOCOL')
})

test('an operator that closed its stdout still succeeds; its process is not used again', async () => {
  const executor = await aStartedExecutor({ poolSize: 1 })
  const outcome = await run(executor, anAttempt({ do: 'close-stdout' }))
  expect(outcome.status).toBe('succeeded')
  const after = await run(executor, anAttempt({ do: 'print', lines: 1 }))
  expect(after.status).toBe('succeeded')
})

test('what an operator started dies with its process', async () => {
  const executor = await aStartedExecutor()
  const listener = aListener()
  await executor.run(anAttempt({ do: 'spawn', die: true }), listener).outcome
  const pid = Number(listener.lines[0]?.text)
  expect(pid).toBeGreaterThan(1)
  await expect.poll(() => isAlive(pid)).toBe(false)
})

test('a running attempt that is cancelled ends as revoked with the reason', async () => {
  const executor = await aStartedExecutor()
  const attempt = anAttempt({ do: 'sleep', seconds: 60 })
  const listener = aListener()
  const handle = executor.run(attempt, listener)
  await listener.firstLine
  executor.cancel(attempt.attemptId, 'cancelled by the user')
  expect(await handle.outcome).toEqual({ status: 'revoked', reason: 'cancelled by the user' })
  await expectHealed(executor)
})

test('an attempt that is deaf to the request to end is killed after the grace', async () => {
  const executor = await aStartedExecutor()
  const attempt = anAttempt({ do: 'hang' })
  const listener = aListener()
  const handle = executor.run(attempt, listener)
  await listener.firstLine
  executor.cancel(attempt.attemptId, 'enough')
  executor.cancel(attempt.attemptId, 'again')
  expect(await handle.outcome).toEqual({ status: 'revoked', reason: 'enough' })
  await expectHealed(executor)
})

test('a waiting attempt that is cancelled never runs', async () => {
  const executor = await aStartedExecutor({ poolSize: 1 })
  const first = executor.run(anAttempt({ do: 'sleep', seconds: 0.1 }), aListener())
  const attempt = anAttempt({ do: 'print', lines: 1 })
  const listener = aListener()
  const waiting = executor.run(attempt, listener)
  executor.cancel(attempt.attemptId, 'not needed')
  expect(await waiting.outcome).toEqual({ status: 'revoked', reason: 'not needed' })
  await first.outcome
  await expectHealed(executor)
  expect(listener.lines).toEqual([])
})
