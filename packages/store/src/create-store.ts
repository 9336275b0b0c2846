import type { Store, TaskResultStore } from '@celeriac/core'
import { PgDatabase, type PgDatabaseOptions } from './pg-database.ts'
import { PgliteDatabase } from './pglite-database.ts'
import { bindStore, type BindStoreOptions } from './store.ts'
import { bindTaskResultStore } from './task-result-store.ts'

export type PgStoreOptions = PgDatabaseOptions & Pick<BindStoreOptions, 'onOperation'>

/** A store on PostgreSQL. `start` wants a migrated database: see `migrate`. */
export const createPgStore = (options: PgStoreOptions): Store =>
  bindStore(new PgDatabase(options), {
    isMigratedOnStart: false,
    ...(options.onOperation !== undefined && { onOperation: options.onOperation }),
  })

export interface PgliteStoreOptions extends Pick<BindStoreOptions, 'onOperation'> {
  /** A folder for this process alone, made when it does not exist; `memory://` keeps all in memory. */
  readonly dataDir: string
}

/** A store on PostgreSQL inside this process (PGlite). `start` migrates by itself. */
export const createPgliteStore = (options: PgliteStoreOptions): Store => createPgliteStores(options).store

/** Results of plain tasks on PostgreSQL, over connections of their own. `start` wants a migrated database. */
export const createPgTaskResultStore = (options: PgDatabaseOptions): TaskResultStore =>
  bindTaskResultStore(new PgDatabase(options), { isShared: false })

/** Both stores on one PGlite database, which only one connection can have open. `store` is started first, stopped last. */
export function createPgliteStores(options: PgliteStoreOptions): {
  readonly store: Store
  readonly taskResults: TaskResultStore
} {
  const database = new PgliteDatabase(options.dataDir)
  const store = bindStore(database, {
    isMigratedOnStart: true,
    ...(options.onOperation !== undefined && { onOperation: options.onOperation }),
  })
  return { store, taskResults: bindTaskResultStore(database, { isShared: true }) }
}
