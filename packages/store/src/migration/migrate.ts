import { AppError } from '@celeriac/core'
import type { Database, RunScript } from '../database.ts'
import { readMigrations, type Migration } from './migration-files.ts'

/** What a database has been through, compared with what this version of the code knows. */
export interface MigrationStatus {
  /** `newer`: the database knows migrations that this code does not. `older`: migrations are pending. */
  readonly state: 'current' | 'older' | 'newer'
  readonly applied: readonly string[]
  readonly pending: readonly { readonly name: string; readonly kind: Migration['kind'] }[]
  /** Names in the database that this version does not know. */
  readonly unknown: readonly string[]
}

/** Any constant will do, as long as nothing else takes an advisory lock with it. ASCII of "celeriac". */
const lockKey = '7162257311364378979'

/**
 * Brings the schema to this version; gives the migrations that it carried out itself. Any number of processes may do
 * so at once: each migration is one transaction that holds an advisory lock and looks first at what is left to do.
 * @throws AppError STORE_SCHEMA_NEWER; then nothing was changed
 */
export async function migrateDatabase(database: Database): Promise<readonly string[]> {
  const migrations = await readMigrations()
  const applied: string[] = []
  for (;;) {
    const name = await database.script((run) => applyNext(run, migrations))
    if (name === null) return applied
    applied.push(name)
  }
}

async function applyNext(run: RunScript, migrations: readonly Migration[]): Promise<string | null> {
  await run('select pg_advisory_xact_lock($1::bigint)', [lockKey])
  await run(
    'create table if not exists schema_migrations (name text primary key, applied_at timestamptz(3) not null)',
  )
  const status = compare(migrations, await appliedNames(run))
  refuseNewer(status)
  const [next] = status.pending
  const migration = migrations.find(({ name }) => name === next?.name)
  if (migration === undefined) return null
  await run(migration.sql)
  await run('insert into schema_migrations (name, applied_at) values ($1, now())', [migration.name])
  return migration.name
}

/** Changes nothing. An empty database is `older`. */
export async function readMigrationStatus(database: Database): Promise<MigrationStatus> {
  const migrations = await readMigrations()
  return database.script(async (run) => {
    const [table] = await run<{ name: string | null }>(
      "select to_regclass('schema_migrations')::text as name where $1::int = 1",
      [1],
    )
    return compare(migrations, (table?.name ?? null) === null ? [] : await appliedNames(run))
  })
}

/** @throws AppError STORE_SCHEMA_OLDER or STORE_SCHEMA_NEWER unless the database is at this version exactly */
export function requireCurrent(status: MigrationStatus): void {
  refuseNewer(status)
  if (status.state === 'older')
    throw new AppError('STORE_SCHEMA_OLDER', 'the database is not migrated to this version', {
      details: { pending: status.pending.map(({ name }) => name) },
    })
}

function refuseNewer(status: MigrationStatus): void {
  if (status.state === 'newer')
    throw new AppError('STORE_SCHEMA_NEWER', 'the database was migrated by a newer version', {
      details: { unknown: status.unknown },
    })
}

async function appliedNames(run: RunScript): Promise<readonly string[]> {
  const rows = await run<{ name: string }>(
    'select name from schema_migrations where $1::int = 1 order by name',
    [1],
  )
  return rows.map(({ name }) => name)
}

function compare(migrations: readonly Migration[], applied: readonly string[]): MigrationStatus {
  const known = new Set(migrations.map(({ name }) => name))
  const done = new Set(applied)
  const unknown = applied.filter((name) => !known.has(name))
  const pending = migrations.filter(({ name }) => !done.has(name)).map(({ name, kind }) => ({ name, kind }))
  const state = unknown.length > 0 ? 'newer' : pending.length > 0 ? 'older' : 'current'
  return { state, applied, pending, unknown }
}
