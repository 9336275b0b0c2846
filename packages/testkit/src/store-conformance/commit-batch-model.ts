import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  finalOperatorTaskStates,
  operatorTaskStates,
  type OperatorTask,
  type TaskWrite,
} from '@celeriac/core'
import { aBatch, aRun, aWrite, readyTask, type StoreUnderTest } from './store-fixture.ts'

const length = 4
const finals: readonly string[] = finalOperatorTaskStates

/** A task in any state, with the fields that the state demands. */
const taskIn = (ordinal: number, state: OperatorTask['state'], attempt: number): OperatorTask => ({
  ...readyTask(ordinal, attempt),
  state,
  startedAt: state === 'running' ? 1 : null,
  finishedAt: finals.includes(state) ? 2 : null,
  retryAt: state === 'retry_wait' ? 3 : null,
  result: state === 'succeeded' ? { outputs: {}, metrics: {}, compat: [] } : null,
  error: state === 'failed' ? { code: 'TASK_FAILED', message: 'm' } : null,
})

const aChange = fc.record({
  ordinal: fc.nat(length - 1),
  state: fc.constantFrom(...operatorTaskStates),
  attempt: fc.integer({ min: 1, max: 2 }),
  /** Whether the writer's belief about the row is right. */
  isInformed: fc.integer({ min: 0, max: 9 }).map((draw) => draw > 0),
})
const aRound = fc.record({
  changes: fc.uniqueArray(aChange, { maxLength: length, selector: ({ ordinal }) => ordinal }),
  takesOver: fc.boolean(),
  isFresh: fc.boolean(),
})

/**
 * Random batches, some under an old epoch, some with wrong beliefs: the store must do what a few lines of plain
 * TypeScript say, in outcome and in what is stored after it.
 */
export function exerciseCommitBatchModel(use: () => StoreUnderTest): void {
  test('does what the model does', async () => {
    const { store } = use()
    await fc.assert(
      fc.asyncProperty(fc.array(aRound, { minLength: 1, maxLength: 8 }), async (rounds) => {
        const { head, fence } = await aRun(store, { length })
        const tasks = [...((await store.findRun(head.id))?.tasks ?? [])]
        let epoch = fence.epoch
        for (const { changes, takesOver, isFresh } of rounds) {
          if (takesOver) ({ epoch } = await store.claimPartition({ partition: head.partition, owner: 'm' }))
          const writes: TaskWrite[] = changes.map(({ ordinal, state, attempt, isInformed }) => {
            const { state: now, attempt: number } = tasks[ordinal] ?? readyTask(ordinal)
            const believed = { state: now, attempt: isInformed ? number : number + 1 }
            return aWrite(head.id, believed, taskIn(ordinal, state, attempt))
          })
          const expected = !isFresh
            ? 'fenced'
            : changes.every(({ isInformed }) => isInformed)
              ? 'committed'
              : 'conflict'
          const fences = [{ partition: head.partition, epoch: isFresh ? epoch : epoch - 1 }]
          const outcome = await store.commitBatch(aBatch({ fences, tasks: writes }))
          expect(outcome.kind).toBe(expected)
          if (expected === 'committed') for (const { task } of writes) tasks[task.ordinal] = task
          expect((await store.findRun(head.id))?.tasks).toEqual(tasks)
        }
      }),
      { numRuns: 25 },
    )
  })
}
