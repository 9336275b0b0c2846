import type { JsonObject } from '@celeriac/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aListener, anAttempt, anExecutor, run } from './setup.ts'

interface Step {
  readonly params: JsonObject
  /** What the outcome may be, by status or code. */
  readonly outcomes: readonly string[]
  readonly cancelAfterTurns: number | null
}

const behaviours: readonly (readonly [JsonObject, readonly string[]])[] = [
  [{}, ['succeeded']],
  [{ do: 'print', lines: 50 }, ['succeeded']],
  [{ do: 'raise', message: 'no' }, ['TASK_FAILED']],
  [{ do: 'memory' }, ['TASK_OUT_OF_MEMORY']],
  [{ do: 'kill9' }, ['TASK_PROCESS_DIED']],
  [{ do: 'exit', code: 1 }, ['TASK_PROCESS_DIED']],
  [{ do: 'garbage', hex: 'ffffffff' }, ['EXECUTOR_PROTOCOL']],
  [{ do: 'hang' }, ['TASK_TIMED_OUT']],
  [{ do: 'close-stdout' }, ['succeeded']],
]

const step: fc.Arbitrary<Step> = fc
  .record({
    behaviour: fc.constantFrom(...behaviours),
    cancelAfterTurns: fc.option(fc.integer({ min: 0, max: 30 }), { freq: 4 }),
  })
  .map(({ behaviour: [params, outcomes], cancelAfterTurns }) => ({
    params,
    cancelAfterTurns,
    outcomes: cancelAfterTurns === null ? outcomes : [...outcomes, 'revoked'],
  }))

test('whatever attempts do and whenever they are cancelled, each ends once and rightly, and the pool is whole', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const executor = anExecutor({ poolSize: 3, limits: { maxTasksPerChild: 4, cancelGraceMs: 100 } })
      await executor.start()
      const ends = await Promise.all(
        steps.map(async ({ params, cancelAfterTurns }) => {
          const attempt = anAttempt(params, { timeLimitS: params['do'] === 'hang' ? 0.2 : null })
          const handle = executor.run(attempt, aListener())
          if (cancelAfterTurns !== null) {
            for (let turn = 0; turn < cancelAfterTurns; turn++) await new Promise(setImmediate)
            executor.cancel(attempt.attemptId, 'cancelled')
          }
          const outcome = await handle.outcome
          return outcome.status === 'failed' ? outcome.failure.code : outcome.status
        }),
      )
      for (const [index, end] of ends.entries()) expect(steps[index]?.outcomes).toContain(end)
      const after = await Promise.all([1, 2, 3, 4].map(() => run(executor, anAttempt())))
      expect(after.map(({ status }) => status)).toEqual(['succeeded', 'succeeded', 'succeeded', 'succeeded'])
      await expect.poll(() => executor.counts()).toEqual({ starting: 0, idle: 3, busy: 0, waiting: 0 })
      await executor.stop()
    }),
    { numRuns: 6, endOnFailure: true },
  )
}, 60_000)
