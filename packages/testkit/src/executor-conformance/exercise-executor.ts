import { taskResultSchema } from '@celeriac/contracts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exerciseEnds } from './ends.ts'
import {
  hearingListener,
  untilPrinted,
  type ExecutorUnderTest,
  type MakeExecutor,
} from './executor-fixture.ts'

/**
 * The conformance suite of the Executor port: declares its tests in the calling file. What holds for every executor is
 * here; what an executor promises beyond (limits, placement) is for tests of its own.
 */
export function exerciseExecutor(name: string, makeExecutor: MakeExecutor): void {
  describe(`executor ${name}`, () => {
    let current: ExecutorUnderTest | null = null
    const use = (): ExecutorUnderTest => {
      if (current === null) throw new Error('the executor is not made yet')
      return current
    }
    beforeAll(async () => {
      current = await makeExecutor()
      await current.executor.start()
    }, 120_000)
    afterAll(async () => {
      await current?.executor.stop()
      await current?.close()
    })

    describe('attempts', () => exerciseAttempts(use))
    describe('ends', () => exerciseEnds(use, makeExecutor))
  })
}

function exerciseAttempts(use: () => ExecutorUnderTest): void {
  test('an attempt that succeeds says so, with a result of the right shape', async () => {
    const { executor, attempts } = use()
    const listener = hearingListener()
    const outcome = await executor.run(attempts.succeeding(), listener).outcome
    expect(outcome).toMatchObject({ status: 'succeeded' })
    if (outcome.status === 'succeeded') taskResultSchema.parse(outcome.result)
    expect(listener.starts()).toBe(1)
  })

  test('an attempt that fails is an outcome, not a rejection', async () => {
    const { executor, attempts } = use()
    expect(await executor.run(attempts.failing(), hearingListener()).outcome).toMatchObject({
      status: 'failed',
      failure: { code: 'TASK_FAILED', message: expect.stringMatching(/./) },
      retryable: true,
    })
  })

  test('every line of the output is told in order, after the start and before the outcome', async () => {
    const { executor, attempts } = use()
    const listener = hearingListener()
    const count = 200
    await executor.run(attempts.printing(count), listener).outcome
    expect(listener.printed()).toEqual(
      Array.from({ length: count }, (_, index) => `line ${index + 1} of ${count}`),
    )
    expect(listener.heard[0]).toBe('started')
    expect(listener.lines.every(({ at }) => at > 1_600_000_000_000)).toBe(true)
  })

  test('progress is told', async () => {
    const { executor, attempts } = use()
    const listener = hearingListener()
    await executor.run(attempts.printing(20), listener).outcome
    expect(listener.progress.length).toBeGreaterThan(0)
    for (const { current, total } of listener.progress) expect(current).toBeLessThanOrEqual(total)
  })

  test('nothing is told after the outcome', async () => {
    const { executor, attempts } = use()
    const listener = hearingListener()
    await executor.run(attempts.printing(5), listener).outcome
    const told = listener.heard.length
    // Another attempt from start to end gives a late message the time to come.
    await executor.run(attempts.succeeding(), hearingListener()).outcome
    expect(listener.heard).toHaveLength(told)
  })

  test('attempts at the same time keep their outputs apart', async () => {
    const { executor, attempts } = use()
    const counts = [3, 5, 7]
    const listeners = counts.map(() => hearingListener())
    await Promise.all(
      counts.map((count, index) => executor.run(attempts.printing(count), listeners[index]!).outcome),
    )
    expect(listeners.map((listener) => listener.printed())).toEqual(
      counts.map((count) => Array.from({ length: count }, (_, index) => `line ${index + 1} of ${count}`)),
    )
  })

  test('the status of an attempt goes from running to finished; other ids are unknown', async () => {
    const { executor, attempts } = use()
    const attempt = attempts.lasting()
    const listener = hearingListener()
    expect(executor.status(attempt.attemptId)).toBe('unknown')
    const running = executor.run(attempt, listener)
    await untilPrinted(running, listener)
    expect(executor.status(attempt.attemptId)).toBe('running')
    executor.cancel(attempt.attemptId, 'enough')
    await running.outcome
    expect(executor.status(attempt.attemptId)).toBe('finished')
  })

  test('an attempt that runs already is not run a second time', async () => {
    const { executor, attempts } = use()
    const attempt = attempts.lasting()
    const [first, second] = [hearingListener(), hearingListener()]
    const running = executor.run(attempt, first)
    await untilPrinted(running, first)
    const again = executor.run(attempt, second)
    executor.cancel(attempt.attemptId, 'enough')
    expect(await Promise.all([running.outcome, again.outcome])).toEqual([
      { status: 'revoked', reason: 'enough' },
      { status: 'revoked', reason: 'enough' },
    ])
    expect(first.starts() + second.starts()).toBe(1)
  })

  test('an attempt that is delivered again after its end gives the same result', async () => {
    const { executor, attempts } = use()
    const attempt = attempts.printing(1)
    const first = await executor.run(attempt, hearingListener()).outcome
    expect(await executor.run(attempt, hearingListener()).outcome).toEqual(first)
  })

  test('there is nothing to adopt of an attempt that never ran', async () => {
    const { executor, attempts } = use()
    expect(await executor.adopt(attempts.succeeding(), hearingListener())).toBeNull()
  })
}
