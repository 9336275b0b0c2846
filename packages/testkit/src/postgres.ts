import { randomUUID } from 'node:crypto'
import { migrate } from '@celeriac/store'
import pg from 'pg'

/** A database of its own on the test server, named by TEST_DATABASE_URL. Dropped by `drop`, whoever still uses it. */
export interface TestDatabase {
  readonly url: string
  /** Runs SQL beside the store. */
  readonly sql: <Row extends object>(text: string, params?: readonly unknown[]) => Promise<Row[]>
  drop(): Promise<void>
}

const defaultUrl = 'postgres://postgres@127.0.0.1:5432/test'

/**
 * Creates an empty database, or (default) one with Celeriac's newest schema.
 * Rejects when the server cannot be reached: an integration test never skips itself.
 */
export async function createTestDatabase(
  options: { readonly isMigrated?: boolean } = {},
): Promise<TestDatabase> {
  const adminUrl = process.env['TEST_DATABASE_URL'] ?? defaultUrl
  const name = `celeriac_test_${randomUUID().replaceAll('-', '')}`
  await runOnce(adminUrl, `create database ${name}`)
  const url = new URL(adminUrl)
  url.pathname = `/${name}`
  const client = new pg.Client({ connectionString: url.href })
  // The server may end the session before `drop` does, in tests that break connections.
  client.on('error', () => undefined)
  await client.connect()
  if (options.isMigrated ?? true) await migrate({ url: url.href })
  return {
    url: url.href,
    sql: async <Row extends object>(text: string, params: readonly unknown[] = []) =>
      (await client.query<Row>(text, [...params])).rows,
    drop: async () => {
      await client.end()
      await runOnce(adminUrl, `drop database ${name} with (force)`)
    },
  }
}

async function runOnce(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}
