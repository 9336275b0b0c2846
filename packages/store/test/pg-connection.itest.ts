import { sql } from 'drizzle-orm'
import { randomUUID } from 'node:crypto'
import { createServer, type Server } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createPgStore, type PgStoreOptions, type StoreOperationReport } from '@celeriac/store'
import { createTestDatabase, type TestDatabase } from '@celeriac/testkit'
import type { Store } from '@celeriac/core'
import type { Queryable } from '../src/database.ts'
import { reachedLimit } from '../src/operations/open-run-limits.ts'
import { shortTransaction } from '../src/operations/retention/short-transaction.ts'
import { PgDatabase } from '../src/pg-database.ts'

/** Only ends the wait for what never comes. */
const patience = { timeout: 20_000 }

let database: TestDatabase
let stores: Store[] = []

beforeEach(async () => {
  database = await createTestDatabase()
})
afterEach(async () => {
  await Promise.all(stores.map((store) => store.stop()))
  stores = []
  await database.drop()
})

async function aStartedStore(over: Partial<PgStoreOptions> = {}): Promise<Store> {
  const store = createPgStore({ url: database.url, poolSize: 2, ...over })
  stores.push(store)
  await store.start()
  return store
}

const endSessions =
  'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()'

test('connections that the server ends while idle are reported and replaced', async () => {
  const warn = vi.fn()
  const store = await aStartedStore({ logger: { warn } })
  await database.sql(endSessions)
  await vi.waitFor(
    () => expect(warn).toHaveBeenCalledWith(expect.anything(), 'lost a connection to the database'),
    patience,
  )
  await expect(store.ping()).resolves.toBeUndefined()
})

test('a connection that the server ends in use fails that call alone', async () => {
  const pg = new PgDatabase({ url: database.url, poolSize: 1 })
  await pg.open()
  const running = pg.call({ name: 'wait', text: 'select pg_sleep(60)' })
  const failed = expect(running).rejects.toMatchObject({ code: '57P01' })
  await vi.waitFor(async () => {
    const waiting = await database.sql("select 1 from pg_stat_activity where wait_event = 'PgSleep'")
    expect(waiting).toHaveLength(1)
  }, patience)
  await database.sql(endSessions)
  await failed
  expect(await pg.call({ name: 'one', text: 'select 1 as one' })).toEqual([{ one: 1 }])
  await pg.close()
})

const counting = (pg: PgDatabase, work: (db: Queryable) => Promise<void>): Promise<void> =>
  pg.transaction(async (db) => {
    await db.execute(sql`set local lock_timeout = '15s'`)
    await reachedLimit(db, randomUUID(), { maxOpenRuns: 5, maxOpenRunsPerDag: 5 })
    await work(db)
  })
const deleting = (pg: PgDatabase, work: (db: Queryable) => Promise<void>): Promise<void> =>
  shortTransaction(pg, async (db) => {
    await db.execute(sql`select pg_advisory_xact_lock(1)`)
    await work(db)
  })

test.each([
  ['counted open runs', counting, counting],
  [
    'deleted what is old',
    deleting,
    (pg: PgDatabase) =>
      pg.transaction(async (db) => {
        await db.execute(sql`set local lock_timeout = '15s'`)
        await db.execute(sql`select pg_advisory_xact_lock(1)`)
      }),
  ],
])('whoever is stopped after it %s holds up the others for seconds only', async (_what, hold, follow) => {
  const [stopped, other] = [1, 2].map(() => new PgDatabase({ url: database.url, poolSize: 1 }))
  await stopped!.open()
  await other!.open()
  let wakeUp = (): void => {}
  const asleep = new Promise<void>((resolve) => (wakeUp = resolve))
  let lost: Promise<void> | undefined
  await new Promise<void>((holds) => {
    const held = hold(stopped!, async () => {
      holds()
      await asleep
    })
    lost = expect(held).rejects.toThrow()
  })
  // The server's own limit would be 30 s.
  await expect(follow(other!, async () => {})).resolves.toBeUndefined()
  wakeUp()
  await lost
  await Promise.all([stopped!.close(), other!.close()])
})

test('a connection that breaks between two statements of a transaction rolls back and ends nothing else', async () => {
  const pg = new PgDatabase({ url: database.url, poolSize: 1 })
  await pg.open()
  const broken = pg.script(async (run) => {
    await run("insert into partitions values (1, 1, 'x', now())")
    await database.sql(endSessions)
    await run('select 1')
  })
  await expect(broken).rejects.toThrow()
  expect(await pg.call({ name: 'count', text: 'select id from partitions' })).toEqual([])
  await pg.close()
})

test('an error of the caller rolls the transaction back', async () => {
  const pg = new PgDatabase({ url: database.url, poolSize: 1 })
  await pg.open()
  const broken = pg.script(async (run) => {
    await run("insert into partitions values (1, 1, 'x', now())")
    throw new TypeError('ours')
  })
  await expect(broken).rejects.toThrow('ours')
  expect(await pg.call({ name: 'count', text: 'select id from partitions' })).toEqual([])
  await pg.close()
})

test('a statement that takes too long is ended by the server, and the connection stays', async () => {
  const pg = new PgDatabase({ url: database.url, poolSize: 1, statementTimeoutMs: 50 })
  await pg.open()
  const before = await pg.call({ name: 'pid', text: 'select pg_backend_pid() as pid' })
  await expect(pg.call({ name: 'wait', text: 'select pg_sleep(60)' })).rejects.toMatchObject({
    code: '57014',
  })
  expect(await pg.call({ name: 'pid', text: 'select pg_backend_pid() as pid' })).toEqual(before)
  await pg.close()
})

test('sessions carry a name, and limits for statements and idle transactions', async () => {
  const pg = new PgDatabase({
    url: database.url,
    applicationName: 'celeriac-test',
    statementTimeoutMs: 7_000,
  })
  await pg.open()
  const [settings] = await pg.call({
    name: 'settings',
    text: `select current_setting('application_name') as name, current_setting('statement_timeout') as statement,
             current_setting('idle_in_transaction_session_timeout') as idle`,
  })
  expect(settings).toEqual({ name: 'celeriac-test', statement: '7s', idle: '30s' })
  await pg.close()
})

test('a read-only database is unavailable', async () => {
  const store = await aStartedStore({
    url: `${database.url}?options=-c%20default_transaction_read_only%3Don`,
  })
  await expect(store.claimPartition({ partition: 0, owner: 'x' })).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    details: { sqlState: '25006' },
  })
})

test.each([
  ['a port where nobody listens', 'postgres://postgres@127.0.0.1:1/test'],
  ['a host that does not exist', 'postgres://postgres@no-such-host.invalid/test'],
])('%s is unavailable', async (_, url) => {
  const store = createPgStore({ url })
  await expect(store.start()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
})

test('a database that does not exist is unavailable', async () => {
  const url = new URL(database.url)
  url.pathname = '/no_such_database'
  await expect(createPgStore({ url: url.href }).start()).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    details: { sqlState: '3D000' },
  })
})

test('a server that accepts and then says nothing is given up after the connect timeout', async () => {
  const server: Server = createServer((socket) => socket.resume())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : null
  const store = createPgStore({ url: `postgres://postgres@127.0.0.1:${port}/test`, connectTimeoutMs: 100 })
  await expect(store.start()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  await new Promise((resolve) => server.close(resolve))
})

test('every call is reported with its outcome', async () => {
  const reports: StoreOperationReport[] = []
  const store = await aStartedStore({ onOperation: (report) => reports.push(report) })
  await store.ping()
  await store.listRuns({ limit: 1, cursor: 'x' }).catch(() => undefined)
  expect(reports.map(({ operation, outcome }) => [operation, outcome])).toEqual([
    ['start', 'ok'],
    ['ping', 'ok'],
    ['listRuns', 'VALIDATION_BODY_INVALID'],
  ])
})

test('two stores on one database see the same runs and fence each other', async () => {
  const [a, b] = [await aStartedStore(), await aStartedStore()]
  const { epoch } = await a.claimPartition({ partition: 1, owner: 'a' })
  await b.claimPartition({ partition: 1, owner: 'b' })
  const batch = { fences: [{ partition: 1, epoch }], heads: [], tasks: [], attempts: [], deployments: [] }
  expect(await a.commitBatch(batch)).toEqual({ kind: 'fenced', partitions: [1] })
})

test('a takeover waits for a batch under way', async () => {
  const pg = new PgDatabase({ url: database.url, poolSize: 2 })
  await pg.open()
  const store = await aStartedStore()
  const { epoch } = await store.claimPartition({ partition: 2, owner: 'first' })
  let claimed: Promise<{ epoch: number }> | undefined
  let isClaimed = false
  await pg.script(async (run) => {
    await run('select commit_batch(array[2], array[$1::int], null, 0, null, 0, null, null)', [epoch])
    claimed = store.claimPartition({ partition: 2, owner: 'second' }).finally(() => (isClaimed = true))
    await vi.waitFor(async () => {
      const waiting = await database.sql("select 1 from pg_stat_activity where wait_event_type = 'Lock'")
      expect(waiting).toHaveLength(1)
    }, patience)
    expect(isClaimed).toBe(false)
  })
  expect(await claimed).toEqual({ epoch: epoch + 1 })
  await pg.close()
})
