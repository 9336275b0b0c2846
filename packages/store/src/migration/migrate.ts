import { AppError } from '@celeriac/core'
import type { Database, RunScript } from '../database.ts'
import { readMigrations, type Migration } from './migration-files.ts'

/** What a database has been through, compared with what this version of the code knows. */
export interface MigrationStatus {
  /**
   * `newer`: the database knows migrations that this code does not; it may be used all the same unless `breaking` names
   * some. `older`: migrations are pending.
   */
  readonly state: 'current' | 'older' | 'newer'
  readonly applied: readonly string[]
  readonly pending: readonly { readonly name: string; readonly kind: Migration['kind'] }[]
  /** Names in the database that this version does not know. */
  readonly unknown: readonly string[]
  /** Those of `unknown` that this version cannot live with: breaking ones, and ones that do not say what they are. */
  readonly breaking: readonly string[]
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
    'create table if not exists schema_migrations (name text primary key, applied_at timestamptz(3) not null, kind text)',
  )
  await addKinds(run, migrations)
  const status = compare(migrations, await appliedRows(run))
  refuseBreaking(status)
  const [next] = status.pending
  const migration = migrations.find(({ name }) => name === next?.name)
  if (migration === undefined) return null
  // A newer version has gone ahead in another order: what this one would do now, nobody has tried.
  if (status.unknown.length > 0) throw newer(status)
  await run(migration.sql)
  await run('insert into schema_migrations (name, applied_at, kind) values ($1, now(), $2)', [
    migration.name,
    migration.kind,
  ])
  return migration.name
}

/**
 * What each migration was, in the database itself: older code, which does not know it, has to ask. Databases of versions
 * before this column get it here rather than by a migration, because each migration, the first included, is noted in it.
 */
async function addKinds(run: RunScript, migrations: readonly Migration[]): Promise<void> {
  if (await hasKinds(run)) return
  await run('alter table schema_migrations add column kind text')
  for (const { name, kind } of migrations)
    await run('update schema_migrations set kind = $2 where name = $1', [name, kind])
}

async function hasKinds(run: RunScript): Promise<boolean> {
  const rows = await run(
    "select 1 from pg_attribute where attrelid = 'schema_migrations'::regclass and attname = 'kind' and attnum > $1",
    [0],
  )
  return rows.length > 0
}

/** Changes nothing. An empty database is `older`. */
export async function readMigrationStatus(database: Database): Promise<MigrationStatus> {
  const migrations = await readMigrations()
  return database.script(async (run) => {
    const [table] = await run<{ name: string | null }>(
      "select to_regclass('schema_migrations')::text as name where $1::int = 1",
      [1],
    )
    return compare(migrations, (table?.name ?? null) === null ? [] : await appliedRows(run))
  })
}

/**
 * A database that is ahead by compatible migrations alone serves this version as before: that is what compatible means.
 * @throws AppError STORE_SCHEMA_OLDER, or STORE_SCHEMA_NEWER when a migration ahead is not compatible
 */
export function requireUsable(status: MigrationStatus): void {
  refuseBreaking(status)
  if (status.pending.length > 0)
    throw new AppError('STORE_SCHEMA_OLDER', 'the database is not migrated to this version', {
      details: { pending: status.pending.map(({ name }) => name) },
    })
}

function refuseBreaking(status: MigrationStatus): void {
  if (status.breaking.length > 0) throw newer(status)
}

const newer = ({ unknown, breaking }: MigrationStatus): AppError =>
  new AppError('STORE_SCHEMA_NEWER', 'the database was migrated by a newer version', {
    details: { unknown, breaking },
  })

interface AppliedRow {
  readonly name: string
  /** Null: noted by a version that did not say. */
  readonly kind: string | null
}

async function appliedRows(run: RunScript): Promise<readonly AppliedRow[]> {
  const kind = (await hasKinds(run)) ? 'kind' : 'null::text as kind'
  return run<AppliedRow>(`select name, ${kind} from schema_migrations where $1::int = 1 order by name`, [1])
}

function compare(migrations: readonly Migration[], rows: readonly AppliedRow[]): MigrationStatus {
  const known = new Set(migrations.map(({ name }) => name))
  const applied = rows.map(({ name }) => name)
  const done = new Set(applied)
  const unknown = applied.filter((name) => !known.has(name))
  const pending = migrations.filter(({ name }) => !done.has(name)).map(({ name, kind }) => ({ name, kind }))
  const state = unknown.length > 0 ? 'newer' : pending.length > 0 ? 'older' : 'current'
  const breaking = rows
    .filter(({ name, kind }) => !known.has(name) && kind !== 'compatible')
    .map(({ name }) => name)
  return { state, applied, pending, unknown, breaking }
}
