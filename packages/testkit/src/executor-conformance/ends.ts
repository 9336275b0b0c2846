import { expect, test } from 'vitest'
import {
  hearingListener,
  untilPrinted,
  type ExecutorUnderTest,
  type MakeExecutor,
} from './executor-fixture.ts'

/** Cancel, time limit and stop: how attempts end that do not end by themselves. */
export function exerciseEnds(use: () => ExecutorUnderTest, makeExecutor: MakeExecutor): void {
  test('a cancelled attempt ends, and is revoked for the reason that was given', async () => {
    const { executor, attempts } = use()
    const attempt = attempts.lasting()
    const listener = hearingListener()
    const running = executor.run(attempt, listener)
    await untilPrinted(running, listener)
    executor.cancel(attempt.attemptId, 'enough')
    executor.cancel(attempt.attemptId, 'again')
    expect(await running.outcome).toEqual({ status: 'revoked', reason: 'enough' })
  })

  test('an attempt that is cancelled before it could start is revoked', async () => {
    const { executor, attempts } = use()
    const attempt = attempts.lasting()
    const { outcome } = executor.run(attempt, hearingListener())
    executor.cancel(attempt.attemptId, 'enough')
    expect(await outcome).toEqual({ status: 'revoked', reason: 'enough' })
  })

  test('an attempt that ignores the request to end is killed', async () => {
    const { executor, attempts } = use()
    const attempt = attempts.stubborn()
    const listener = hearingListener()
    const running = executor.run(attempt, listener)
    await untilPrinted(running, listener)
    executor.cancel(attempt.attemptId, 'enough')
    expect(await running.outcome).toEqual({ status: 'revoked', reason: 'enough' })
  })

  test('an attempt that outlasts its time limit is killed and has timed out', async () => {
    const { executor, attempts } = use()
    const { outcome } = executor.run(attempts.stubborn(1), hearingListener())
    expect(await outcome).toMatchObject({
      status: 'failed',
      failure: { code: 'TASK_TIMED_OUT' },
      retryable: true,
    })
  })

  test('a cancel of an unknown or a finished attempt does nothing', async () => {
    const { executor, attempts } = use()
    const attempt = attempts.succeeding()
    const { outcome } = executor.run(attempt, hearingListener())
    const settled = await outcome
    executor.cancel(attempt.attemptId, 'too late')
    executor.cancel('unknown', 'who?')
    expect(await outcome).toBe(settled)
  })

  test('stop revokes what runs, and may be called twice', async () => {
    const made = await makeExecutor()
    const { executor, attempts } = made
    await executor.start()
    const listener = hearingListener()
    const running = executor.run(attempts.stubborn(), listener)
    await untilPrinted(running, listener)
    await executor.stop()
    expect(await running.outcome).toMatchObject({ status: 'revoked' })
    await executor.stop()
    await made.close()
  })

  test('stop is legal before start', async () => {
    const made = await makeExecutor()
    await expect(made.executor.stop()).resolves.toBeUndefined()
    await made.close()
  })
}
