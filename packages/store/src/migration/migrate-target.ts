import type { Database } from '../database.ts'
import { PgDatabase } from '../pg-database.ts'
import { PgliteDatabase } from '../pglite-database.ts'
import { toStoreError } from '../store-error.ts'
import { migrateDatabase, readMigrationStatus, type MigrationStatus } from './migrate.ts'

/** The database to migrate: a PostgreSQL URL, or the folder of a PGlite database that no process has open. */
export type MigrationTarget = { readonly url: string } | { readonly dataDir: string }

/**
 * Brings the schema of a database to this version; gives the names of the migrations that this call carried out.
 * Concurrent calls are safe.
 * @throws AppError STORE_SCHEMA_NEWER (nothing was changed), STORE_UNAVAILABLE
 */
export const migrate = (target: MigrationTarget): Promise<readonly string[]> =>
  withDatabase(target, migrateDatabase)

/**
 * Compares a database with this version of the code; changes nothing.
 * @throws AppError STORE_UNAVAILABLE
 */
export const migrationStatus = (target: MigrationTarget): Promise<MigrationStatus> =>
  withDatabase(target, readMigrationStatus)

async function withDatabase<T>(
  target: MigrationTarget,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const database: Database =
    'url' in target
      ? // No time limit: building an index on a large table may take long, and waiting for another migration counts too.
        new PgDatabase({ ...target, poolSize: 1, statementTimeoutMs: 0, applicationName: 'celeriac-migrate' })
      : new PgliteDatabase(target.dataDir)
  try {
    await database.open()
    return await work(database)
  } catch (error) {
    throw toStoreError(error)
  } finally {
    await database.close()
  }
}
