import type { ErrorCode, Store } from '@celeriac/core'
import { accountOperations } from './account-operations.ts'
import type { Database } from './database.ts'
import { irisOperations } from './iris-operations.ts'
import { migrateDatabase, readMigrationStatus, requireUsable } from './migration/migrate.ts'
import { modelRegistryOperations } from './model-registry-operations.ts'
import { admitRuns } from './operations/admit-runs.ts'
import { claimPartition } from './operations/claim-partition.ts'
import { commitBatch } from './operations/commit-batch.ts'
import { countOpenWork } from './operations/count-open-work.ts'
import { createDataset } from './operations/create-dataset.ts'
import { createRun } from './operations/create-run.ts'
import { findAdmission } from './operations/find-admission.ts'
import { findDagVersion } from './operations/find-dag-version.ts'
import { findDatasets } from './operations/find-datasets.ts'
import { findOperatorTask } from './operations/find-operator-task.ts'
import { findRunHead } from './operations/find-run-head.ts'
import { findRun } from './operations/find-run.ts'
import { listAttempts } from './operations/list-attempts.ts'
import { listDags } from './operations/list-dags.ts'
import { listDatasets } from './operations/list-datasets.ts'
import { listOpenRuns } from './operations/list-open-runs.ts'
import { listQueuedRuns } from './operations/list-queued-runs.ts'
import { listRuns } from './operations/list-runs.ts'
import { ping } from './operations/ping.ts'
import { registerDag } from './operations/register-dag.ts'
import { findTaskResults } from './operations/task-results/find-task-results.ts'
import { PlanCache } from './plan-cache.ts'
import { retentionOperations } from './retention-operations.ts'
import { scheduleOperations } from './schedule-operations.ts'
import { toStoreError } from './store-error.ts'

export type StoreOperation = keyof Store

/** One finished call of the port, for metrics. */
export interface StoreOperationReport {
  readonly operation: StoreOperation
  readonly outcome: 'ok' | ErrorCode
  readonly durationMs: number
}

export interface BindStoreOptions {
  /** True: `start` migrates. For the embedded database, which belongs to this process alone. */
  readonly isMigratedOnStart: boolean
  /** Called after each call. Must not throw. */
  readonly onOperation?: (report: StoreOperationReport) => void
}

/** The port on a database: what an operation throws leaves here as an AppError, and each call is reported. */
export function bindStore(database: Database, options: BindStoreOptions): Store {
  const plans = new PlanCache()
  const { onOperation } = options

  async function call<T>(operation: StoreOperation, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now()
    let outcome: StoreOperationReport['outcome'] = 'ok'
    try {
      return await work()
    } catch (thrown) {
      const error = toStoreError(thrown)
      outcome = error.code
      throw error
    } finally {
      onOperation?.({ operation, outcome, durationMs: performance.now() - startedAt })
    }
  }

  async function start(): Promise<void> {
    await database.open()
    try {
      if (options.isMigratedOnStart) await migrateDatabase(database)
      requireUsable(await readMigrationStatus(database))
    } catch (error) {
      await database.close()
      throw error
    }
  }

  return {
    start: () => call('start', start),
    stop: () => call('stop', () => database.close()),
    ping: () => call('ping', () => ping(database)),
    registerDag: (dag) => call('registerDag', () => registerDag(database, dag)),
    findDagVersion: (dag) => call('findDagVersion', () => findDagVersion(database, dag)),
    listDags: (page) => call('listDags', () => listDags(database, page)),
    createRun: (run) => call('createRun', () => createRun(database, run)),
    findRun: (id) => call('findRun', () => findRun(database, plans, id)),
    findRunHead: (id) => call('findRunHead', () => findRunHead(database, id)),
    findOperatorTask: (query) => call('findOperatorTask', () => findOperatorTask(database, plans, query)),
    listRuns: (query) => call('listRuns', () => listRuns(database, query)),
    listAttempts: (runId) => call('listAttempts', () => listAttempts(database, runId)),
    claimPartition: (claim) => call('claimPartition', () => claimPartition(database, claim)),
    listOpenRuns: (query) => call('listOpenRuns', () => listOpenRuns(database, query)),
    listQueuedRuns: (query) => call('listQueuedRuns', () => listQueuedRuns(database, query)),
    admitRuns: (request) => call('admitRuns', () => admitRuns(database, request)),
    findAdmission: (query) => call('findAdmission', () => findAdmission(database, query)),
    countOpenWork: () => call('countOpenWork', () => countOpenWork(database)),
    commitBatch: (batch) => call('commitBatch', () => commitBatch(database, batch)),
    createDataset: (dataset) => call('createDataset', () => createDataset(database, dataset)),
    findDatasets: (ids) => call('findDatasets', () => findDatasets(database, ids)),
    listDatasets: (page) => call('listDatasets', () => listDatasets(database, page)),
    findTaskResults: (taskIds) => call('findTaskResults', () => findTaskResults(database, taskIds)),
    ...modelRegistryOperations(database, call),
    ...scheduleOperations(database, call),
    ...retentionOperations(database, call),
    ...accountOperations(database, call),
    ...irisOperations(database, call),
  }
}
