import type { Store } from '@celeriac/core'
import { PgDatabase, type PgDatabaseOptions } from './pg-database.ts'
import { PgliteDatabase } from './pglite-database.ts'
import { bindStore, type BindStoreOptions } from './store.ts'

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
export const createPgliteStore = (options: PgliteStoreOptions): Store =>
  bindStore(new PgliteDatabase(options.dataDir), {
    isMigratedOnStart: true,
    ...(options.onOperation !== undefined && { onOperation: options.onOperation }),
  })
