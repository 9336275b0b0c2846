import { afterEach, expect, test } from 'vitest'
import { createPgStore, migrate, migrationStatus } from '@celeriac/store'
import { createTestDatabase, type TestDatabase } from '@celeriac/testkit'
import { readMigrations } from '../src/migration/migration-files.ts'

let database: TestDatabase | null = null
const setup = async (isMigrated: boolean): Promise<TestDatabase> =>
  (database = await createTestDatabase({ isMigrated }))

afterEach(async () => {
  await database?.drop()
  database = null
})

const names = (await readMigrations()).map(({ name }) => name)

test('an empty database is migrated to the latest schema, and is current from then on', async () => {
  const { url } = await setup(false)
  expect(await migrationStatus({ url })).toMatchObject({ state: 'older', applied: [], unknown: [] })
  expect(await migrate({ url })).toEqual(names)
  expect(await migrationStatus({ url })).toEqual({
    state: 'current',
    applied: names,
    pending: [],
    unknown: [],
    breaking: [],
  })
  expect(await migrate({ url })).toEqual([])
})

test('looking at the status changes nothing', async () => {
  const { url, sql } = await setup(false)
  await migrationStatus({ url })
  expect(await sql("select 1 from pg_class where relname = 'schema_migrations'")).toEqual([])
})

test('of ten migrations at once each step is carried out by exactly one', async () => {
  const { url } = await setup(false)
  const all = await Promise.all(Array.from({ length: 10 }, () => migrate({ url })))
  expect(all.flat().toSorted()).toEqual(names)
})

test('a store refuses to start on a database that is not migrated, and names what is pending', async () => {
  const { url } = await setup(false)
  const store = createPgStore({ url })
  await expect(store.start()).rejects.toMatchObject({
    code: 'STORE_SCHEMA_OLDER',
    details: { pending: names },
  })
  await expect(store.ping()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
})

test('a database of a newer version is refused by store and migration, and left as it is', async () => {
  const { url, sql } = await setup(true)
  await sql("insert into schema_migrations values ('9999_future', now())")
  expect(await migrationStatus({ url })).toMatchObject({ state: 'newer', unknown: ['9999_future'] })
  const refused = { code: 'STORE_SCHEMA_NEWER', details: { unknown: ['9999_future'] } }
  await expect(migrate({ url })).rejects.toMatchObject(refused)
  await expect(createPgStore({ url }).start()).rejects.toMatchObject(refused)
})

test('a database that is ahead by compatible migrations alone is used as it is', async () => {
  const { url, sql } = await setup(true)
  await sql("insert into schema_migrations values ('9998_future', now(), 'compatible')")
  expect(await migrationStatus({ url })).toMatchObject({
    state: 'newer',
    unknown: ['9998_future'],
    breaking: [],
  })
  expect(await migrate({ url })).toEqual([])
  const store = createPgStore({ url })
  await store.start()
  expect(await store.claimPartition({ partition: 0, owner: 'old' })).toEqual({ epoch: 1 })
  await store.stop()
})

test('of migrations ahead the breaking ones are named, and nothing is started', async () => {
  const { url, sql } = await setup(true)
  await sql(
    "insert into schema_migrations values ('9998_a', now(), 'compatible'), ('9999_b', now(), 'breaking')",
  )
  await expect(createPgStore({ url }).start()).rejects.toMatchObject({
    code: 'STORE_SCHEMA_NEWER',
    details: { unknown: ['9998_a', '9999_b'], breaking: ['9999_b'] },
  })
})

test('nothing is migrated where another version has gone ahead in another order', async () => {
  const { url, sql } = await setup(true)
  await sql('delete from schema_migrations where name = $1', [names.at(-1)])
  await sql("insert into schema_migrations values ('9998_future', now(), 'compatible')")
  await expect(migrate({ url })).rejects.toMatchObject({ code: 'STORE_SCHEMA_NEWER' })
})

test('the database says of each migration what it was, also of those that an older version carried out', async () => {
  const { url, sql } = await setup(true)
  await sql('alter table schema_migrations drop column kind')
  expect(await migrationStatus({ url })).toMatchObject({ state: 'current' })
  expect(await migrate({ url })).toEqual([])
  expect(await sql('select distinct kind from schema_migrations')).toEqual([{ kind: 'compatible' }])
})

test('a migration that fails leaves nothing of itself behind, and can be repeated', async () => {
  const { url, sql } = await setup(false)
  await sql('create table partitions (id int)')
  await expect(migrate({ url })).rejects.toMatchObject({ code: 'INTERNAL_ERROR' })
  expect(await sql("select 1 from pg_class where relname = 'runs'")).toEqual([])
  await sql('drop table partitions')
  expect(await migrate({ url })).toEqual(names)
})

test('the tables go where the search path points', async () => {
  const { url, sql } = await setup(false)
  await sql('create schema celeriac')
  await migrate({ url: `${url}?options=-c%20search_path%3Dceleriac` })
  expect(
    await sql("select schemaname from pg_tables where tablename in ('runs', 'schema_migrations')"),
  ).toEqual([{ schemaname: 'celeriac' }, { schemaname: 'celeriac' }])
})

test('the previous schema is migrated with its rows', async () => {
  const { url, sql } = await setup(false)
  // The schema before the newest migration, as an older version left it.
  for (const migration of (await readMigrations()).slice(0, -1)) await sql(migration.sql)
  await sql('create table schema_migrations (name text primary key, applied_at timestamptz(3) not null)')
  for (const name of names.slice(0, -1)) await sql('insert into schema_migrations values ($1, now())', [name])
  await sql("insert into partitions values (3, 41, 'old', now())")
  expect(await migrate({ url })).toEqual(names.slice(-1))
  const store = createPgStore({ url })
  await store.start()
  expect(await store.claimPartition({ partition: 3, owner: 'new' })).toEqual({ epoch: 42 })
  await store.stop()
})
