import type { MetricsRegistry, MetricTable } from '@celeriac/runtime'
import type { StoreOperation, StoreOperationReport } from './store.ts'

/** Every operation of the port, once: the values of a label. */
const operations = {
  start: true,
  stop: true,
  ping: true,
  registerDag: true,
  findDagVersion: true,
  listDags: true,
  createRun: true,
  findRun: true,
  findRunHead: true,
  findOperatorTask: true,
  listRuns: true,
  listAttempts: true,
  claimPartition: true,
  listOpenRuns: true,
  listQueuedRuns: true,
  admitRuns: true,
  findAdmission: true,
  countOpenWork: true,
  commitBatch: true,
  createDataset: true,
  findDatasets: true,
  listDatasets: true,
  listModelVersions: true,
  findModelVersion: true,
  findModel: true,
  findModelRoute: true,
  listModelRevisions: true,
  listModelChanges: true,
  setModelAlias: true,
  removeModelAlias: true,
  rollbackModel: true,
  setModelTraffic: true,
  archiveModelVersion: true,
  deleteModelVersion: true,
  listArchivedModelVersions: true,
  readClock: true,
  createSchedule: true,
  findSchedule: true,
  listSchedules: true,
  updateSchedule: true,
  deleteSchedule: true,
  listDueSchedules: true,
  fireSchedule: true,
  listWaitingFirings: true,
  startWaitingFiring: true,
  listFirings: true,
  deleteOldFirings: true,
  claimScheduledTasks: true,
  removeScheduledTasks: true,
  readRetention: true,
  claimRetention: true,
  endRetention: true,
  retireRuns: true,
  retireFiles: true,
  listFileRemovals: true,
  forgetFileRemovals: true,
  deleteExpiredTaskResults: true,
  deleteOldAudit: true,
  findTaskResults: true,
  countExpired: true,
  listExpiredRuns: true,
  createUser: true,
  findUser: true,
  listUsers: true,
  updateUser: true,
  rehashPassword: true,
  changePassword: true,
  createToken: true,
  findToken: true,
  touchToken: true,
  listTokens: true,
  revokeToken: true,
  revokeSessions: true,
  deleteOldTokens: true,
  appendAudit: true,
  listAudit: true,
  listIris: true,
  findIris: true,
  createIris: true,
  updateIris: true,
  deleteIris: true,
  findIrisDataset: true,
  keepIrisDataset: true,
} as const satisfies Record<StoreOperation, true>

const outcomes = ['ok', 'error'] as const

/** Metrics of the store; the reference page lists the same (test-synced). */
export const storeMetricTable = {
  duration: {
    type: 'histogram',
    name: 'store_operation_duration_seconds',
    help: 'Time of one call of the store. error: the database was not reached or failed; what it refuses as a fault of the caller is ok.',
    labels: { operation: Object.keys(operations) as StoreOperation[], outcome: outcomes },
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10],
  },
} as const satisfies MetricTable

/** Registers the metrics; the returned function is the store's `onOperation`. */
export function storeMeter(registry: MetricsRegistry): (report: StoreOperationReport) => void {
  const { duration } = registry.register(storeMetricTable)
  const children = new Map(
    Object.keys(operations).flatMap((operation) =>
      outcomes.map(
        (outcome) => [`${operation}/${outcome}`, duration.labels({ operation, outcome })] as const,
      ),
    ),
  )
  return ({ operation, outcome, durationMs }) => {
    const isFault = outcome.startsWith('STORE_') || outcome.startsWith('INTERNAL_')
    children.get(`${operation}/${isFault ? 'error' : 'ok'}`)?.observe(durationMs / 1_000)
  }
}
