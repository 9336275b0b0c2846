export {
  createPgliteStore,
  createPgliteStores,
  createPgStore,
  createPgTaskResultStore,
  type PgliteStoreOptions,
  type PgStoreOptions,
} from './create-store.ts'
export type { StoreLogger } from './database.ts'
export { storeMeter, storeMetricTable } from './metrics.ts'
export { migrate, migrationStatus, type MigrationTarget } from './migration/migrate-target.ts'
export type { MigrationStatus } from './migration/migrate.ts'
export type { StoreOperation, StoreOperationReport } from './store.ts'
