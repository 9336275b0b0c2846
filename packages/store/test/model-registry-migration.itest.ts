import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPgStore, migrate } from '@celeriac/store'
import { createTestDatabase, type TestDatabase } from '@celeriac/testkit'
import { readMigrations } from '../src/migration/migration-files.ts'

/** A database as the version before left it: aliases were columns, and moved by deployments alone. */
let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ isMigrated: false })
  const { sql } = database
  await sql(
    `create table schema_migrations (name text primary key, applied_at timestamptz not null, kind text not null)`,
  )
  for (const { name, kind, sql: text } of (await readMigrations()).filter((each) => each.name < '0008')) {
    await sql(text)
    await sql('insert into schema_migrations values ($1, now(), $2)', [name, kind])
  }
  await sql(
    `insert into models (name, latest_version, created_at) values ('old', 4, now()), ('other', 1, now())`,
  )
  for (const [name, version, alias, deployed] of [
    ['old', 1, null, 'champion'],
    ['old', 2, null, 'champion'],
    ['other', 1, null, null],
    ['old', 3, 'candidate', 'candidate'],
    ['old', 4, 'champion', 'champion'],
  ] as const)
    await insertVersion(name, version, alias, deployed)
  // A scheduler registers a version in the midst of it.
  await sql('begin')
  await sql(`insert into models (name, latest_version, created_at) values ('late', 1, now())`)
  let isMigrating = true
  const migrated = migrate({ url: database.url }).finally(() => (isMigrating = false))
  migrated.catch(() => undefined)
  while (isMigrating && (await sql(waiting)).length === 0);
  await insertVersion('late', 1, 'champion', 'champion')
  await sql('commit')
  await migrated
})
afterAll(() => database?.drop())

/** Locks of tables of this database that somebody waits for. */
const waiting = `select 1 from pg_locks where not granted and relation is not null
  and database = (select oid from pg_database where datname = current_database())`

async function insertVersion(
  name: string,
  version: number,
  alias: string | null,
  deployed: string | null,
): Promise<void> {
  await database.sql(
    `insert into model_versions
       (name, version, alias, run_id, operator_ordinal, operator_id, attempt, uri, deployment, created_at)
     values ($1, $2, $3, $4, 0, 'deploy', 1, '', $5, now())`,
    [name, version, alias, randomUUID(), JSON.stringify({ name, alias: deployed })],
  )
}

test('aliases and history of earlier versions are carried over, so that one can roll back at once', async () => {
  const store = createPgStore({ url: database.url })
  await store.start()
  try {
    expect(await store.findModel('old')).toEqual({
      name: 'old',
      revision: 4,
      latestVersion: 4,
      aliases: { candidate: 3, champion: 4 },
      canary: null,
      shadow: null,
    })
    const { items } = await store.listModelChanges({ name: 'old', limit: 9 })
    expect(
      items.map((change) => [change.revision, change.version, change.alias, change.previousVersion]),
    ).toEqual([
      [4, 4, 'champion', 2],
      [3, 3, 'candidate', null],
      [2, 2, 'champion', 1],
      [1, 1, 'champion', null],
    ])
    expect(await store.findModel('other')).toMatchObject({ revision: 1, aliases: {} })
    expect(await store.findModel('late')).toMatchObject({ revision: 1, aliases: { champion: 1 } })
    const back = { name: 'old', actor: 'Ada' }
    expect(await store.rollbackModel(back)).toMatchObject({ revision: 5, aliases: { champion: 2 } })
    expect(await store.rollbackModel(back)).toMatchObject({ revision: 6, aliases: { champion: 1 } })
  } finally {
    await store.stop()
  }
})
