import { afterAll, beforeAll, describe } from 'vitest'
import { exerciseCommitBatch } from './commit-batch.ts'
import { exerciseCommitBatchModel } from './commit-batch-model.ts'
import { exerciseConstraints } from './constraints.ts'
import { exerciseFencing } from './fencing.ts'
import { exerciseOpenWork } from './open-work.ts'
import { exerciseRuns } from './runs.ts'
import type { MakeStore, StoreUnderTest } from './store-fixture.ts'

/** The parts of the conformance suite that concern the engine, for stores that can do no more: fakes. */
export function exerciseEngineStore(name: string, makeStore: MakeStore): void {
  describe(`engine store on ${name}`, () => {
    let current: StoreUnderTest | null = null
    const use = (): StoreUnderTest => {
      if (current === null) throw new Error('the store is not made yet')
      return current
    }
    beforeAll(async () => {
      current = await makeStore()
    })
    afterAll(async () => {
      await current?.close()
    })

    describe('runs', () => exerciseRuns(use))
    describe('commitBatch', () => exerciseCommitBatch(use))
    describe('commitBatch against a model', () => exerciseCommitBatchModel(use))
    describe('fencing', () => exerciseFencing(use))
    describe('counts of open work', () => exerciseOpenWork(use))
    describe('constraints', () => exerciseConstraints(use))
  })
}
