import { sql } from 'drizzle-orm'
import type { Database, Queryable } from '../../database.ts'

/**
 * A transaction that gives up sooner than it gets in somebody's way: it waits for no lock longer than a moment, and its
 * batches take a fraction of their time limit; and should its process be stopped before the commit, the server ends it
 * before an engine that wants one of its rows takes that for an outage. What it did not do, the next pass does.
 */
export const shortTransaction = <T>(database: Database, work: (db: Queryable) => Promise<T>): Promise<T> =>
  database.transaction(async (db) => {
    await db.execute(
      sql`
        select set_config('lock_timeout', '1s', true), set_config('statement_timeout', '10s', true),
          set_config('idle_in_transaction_session_timeout', '3s', true)`,
    )
    return work(db)
  })
