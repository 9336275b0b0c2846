import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exerciseAccounts } from './accounts.ts'
import { exerciseAdmission } from './admission.ts'
import { exerciseCommitBatch } from './commit-batch.ts'
import { exerciseCommitBatchModel } from './commit-batch-model.ts'
import { exerciseConstraints } from './constraints.ts'
import { exerciseDags } from './dags.ts'
import { exerciseDatasets } from './datasets.ts'
import { exerciseFencing } from './fencing.ts'
import { exerciseHistory } from './history.ts'
import { exerciseIris } from './iris.ts'
import { exerciseLists } from './lists.ts'
import { exerciseModelDeletion } from './model-deletion.ts'
import { exerciseModels } from './models.ts'
import { exerciseOpenWork } from './open-work.ts'
import { exerciseRetention } from './retention.ts'
import { exerciseRuns } from './runs.ts'
import { exerciseFirings } from './schedule-firings.ts'
import { exerciseOverlap } from './schedule-overlap.ts'
import { exerciseSchedules } from './schedules.ts'
import type { MakeStore, StoreUnderTest } from './store-fixture.ts'

/** The conformance suite of the Store port: declares its tests in the calling file, over one started store. */
export function exerciseStore(name: string, makeStore: MakeStore): void {
  describe(`store on ${name}`, () => {
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

    describe('DAGs', () => exerciseDags(use))
    describe('runs', () => exerciseRuns(use))
    describe('limits and admission of runs', () => exerciseAdmission(use))
    describe('commitBatch', () => exerciseCommitBatch(use))
    describe('commitBatch against a model', () => exerciseCommitBatchModel(use))
    describe('fencing', () => exerciseFencing(use))
    describe('attempts and model versions', () => exerciseHistory(use))
    describe('model registry', () => exerciseModels(use))
    describe('deleted model versions', () => exerciseModelDeletion(use))
    describe('data sets', () => exerciseDatasets(use))
    describe('lists', () => exerciseLists(use))
    describe('counts of open work', () => exerciseOpenWork(use))
    describe('schedules', () => {
      exerciseSchedules(use)
      exerciseFirings(use)
      exerciseOverlap(use)
    })
    describe('retention', () => exerciseRetention(use))
    describe('accounts', () => exerciseAccounts(use))
    describe('the iris table', () => exerciseIris(use))
    describe('constraints', () => exerciseConstraints(use))

    test('answers a ping', async () => {
      await expect(use().store.ping()).resolves.toBeUndefined()
    })

    test('starting and stopping twice is allowed, and a stopped store says that it is unavailable', async () => {
      const { store } = use()
      await store.start()
      await store.stop()
      await store.stop()
      await expect(store.ping()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    })
  })
}
