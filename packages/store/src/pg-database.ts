import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import type { Database, Queryable, RunScript, Statement, StoreLogger } from './database.ts'
import { isConnectionUsable } from './sql-error.ts'

/**
 * PostgreSQL through a pool of connections.
 *
 * Failure cases: a lost connection surfaces as an error of the call that used it, or on the pool when it was idle; both
 * are handled, so the process never ends because of one. A connection is given back only when its last error, if any,
 * was the server's answer; after a client-side timeout its state is unknown and it is closed.
 */
export interface PgDatabaseOptions {
  readonly url: string
  /** Connections at most. Default 10. */
  readonly poolSize?: number
  /** Shown in `pg_stat_activity`. Default `celeriac`. */
  readonly applicationName?: string
  /** Longest run time of one statement in ms, enforced by the server; +5 s by the client. 0 = no limit. Default 30,000. */
  readonly statementTimeoutMs?: number
  /** Longest wait for a connection in ms. Default 5,000. */
  readonly connectTimeoutMs?: number
  readonly logger?: StoreLogger
}

const clientGraceMs = 5_000
const idleInTransactionTimeoutMs = 30_000
/** Of a sign of life, for its connection and again for its answer: longer than anybody waits for one, so that they say so. */
const askTimeoutMs = 1_500

export class PgDatabase implements Database {
  readonly #options: PgDatabaseOptions
  readonly #builders = new WeakMap<pg.PoolClient, Queryable>()
  #pool: pg.Pool | null = null
  /** One connection for signs of life: a busy pool must not look like a database that is away. */
  #asking: pg.Pool | null = null

  constructor(options: PgDatabaseOptions) {
    this.#options = options
  }

  async open(): Promise<void> {
    if (this.#pool !== null) return
    const statementTimeoutMs = this.#options.statementTimeoutMs ?? 30_000
    const pool = new pg.Pool({
      connectionString: this.#options.url,
      max: this.#options.poolSize ?? 10,
      application_name: this.#options.applicationName ?? 'celeriac',
      connectionTimeoutMillis: this.#options.connectTimeoutMs ?? 5_000,
      idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      // The client's own limit is for a connection that went silent: the server's would never arrive.
      ...(statementTimeoutMs > 0 && {
        statement_timeout: statementTimeoutMs,
        query_timeout: statementTimeoutMs + clientGraceMs,
      }),
    })
    const onLost = (error: Error): void => {
      this.#options.logger?.warn({ err: error }, 'lost a connection to the database')
    }
    pool.on('error', onLost)
    // A connection in use that breaks between two statements reports it here and nowhere else.
    pool.on('connect', (client) => client.on('error', () => undefined))
    this.#pool = pool
    this.#asking = new pg.Pool({
      connectionString: this.#options.url,
      max: 1,
      application_name: this.#options.applicationName ?? 'celeriac',
      connectionTimeoutMillis: askTimeoutMs,
      query_timeout: askTimeoutMs,
    })
    this.#asking.on('error', onLost)
    this.#asking.on('connect', (client) => client.on('error', () => undefined))
    try {
      await this.call({ name: 'ping', text: 'select 1' })
    } catch (error) {
      await this.close()
      throw error
    }
  }

  async close(): Promise<void> {
    const [pool, asking] = [this.#pool, this.#asking]
    this.#pool = this.#asking = null
    await asking?.end()
    await pool?.end()
  }

  call<Row>(statement: Statement, params: readonly unknown[] = []): Promise<readonly Row[]> {
    return withClient(this.#pool, async (client) => {
      const { name, text } = statement
      const result = await client.query({ name, text, values: [...params] })
      return result.rows as readonly Row[]
    })
  }

  ask<Row>({ name, text }: Statement): Promise<readonly Row[]> {
    return withClient(this.#asking, async (client) => {
      const result = await client.query({ name, text })
      return result.rows as readonly Row[]
    })
  }

  query<T>(work: (db: Queryable) => Promise<T>): Promise<T> {
    return withClient(this.#pool, (client) => work(this.#builder(client)))
  }

  transaction<T>(work: (db: Queryable) => Promise<T>): Promise<T> {
    return withClient(this.#pool, (client) => inTransaction(client, () => work(this.#builder(client))))
  }

  script<T>(work: (run: RunScript) => Promise<T>): Promise<T> {
    return withClient(this.#pool, (client) =>
      inTransaction(client, () =>
        work(async <Row>(text: string, params: readonly unknown[] = []) => {
          // Without parameters the simple protocol is used, which takes several statements at once.
          const result = await client.query(text, params.length === 0 ? undefined : [...params])
          return (Array.isArray(result) ? [] : result.rows) as readonly Row[]
        }),
      ),
    )
  }

  #builder(client: pg.PoolClient): Queryable {
    const known = this.#builders.get(client)
    if (known !== undefined) return known
    const builder: Queryable = drizzle(client)
    this.#builders.set(client, builder)
    return builder
  }
}

async function inTransaction<T>(client: pg.PoolClient, work: () => Promise<T>): Promise<T> {
  await client.query('begin')
  try {
    const result = await work()
    await client.query('commit')
    return result
  } catch (error) {
    // On a dead connection there is nothing to roll back. An error of our own (no SQLSTATE) leaves a live connection,
    // but it is closed like a dead one: rare, and never wrong.
    if (isConnectionUsable(error)) await client.query('rollback')
    throw error
  }
}

async function withClient<T>(pool: pg.Pool | null, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  if (pool === null) throw new Error('the store is not started')
  const client = await pool.connect()
  let isUsable = true
  try {
    return await work(client)
  } catch (error) {
    isUsable = isConnectionUsable(error)
    throw error
  } finally {
    client.release(!isUsable)
  }
}
