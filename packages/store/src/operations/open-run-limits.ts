import { sql, type SQL } from 'drizzle-orm'
import { AppError, type SubmissionGate } from '@celeriac/core'
import type { Queryable } from '../database.ts'
import { rowsOf } from '../sql-rows.ts'

/** A limit of open runs that is reached. */
export interface ReachedLimit {
  readonly scope: 'overall' | 'dag'
  readonly limit: number
}

/** ASCII of "open": keeps these advisory locks apart from all others. */
const lockSpace = 1_869_636_974

/**
 * The limit that leaves no room for one more run of the DAG; null: there is room, until this transaction ends. Open runs
 * are counted from their rows (indexes `runs_open`, `runs_active` and `runs_waiting`), no further than the limit. Who
 * counts holds a lock until the run is committed, so that two do not take the last place; locks come in one order.
 */
export async function reachedLimit(
  db: Queryable,
  dagId: string,
  { maxOpenRuns, maxOpenRunsPerDag }: Pick<SubmissionGate, 'maxOpenRuns' | 'maxOpenRunsPerDag'>,
): Promise<ReachedLimit | null> {
  if (maxOpenRuns !== null) {
    await lockCount(db, sql`0`)
    const open = sql`select 1 from runs where state in ('queued', 'running', 'cancelling')`
    if (await hasAtLeast(db, maxOpenRuns, open)) return { scope: 'overall', limit: maxOpenRuns }
  }
  if (maxOpenRunsPerDag !== null) {
    await lockCount(db, sql`hashtext(${dagId})`)
    const open = sql`
      select 1 from runs where dag_id = ${dagId}::uuid
        and (state in ('running', 'cancelling') or (state = 'queued' and admitted_at is not null))
      union all
      select 1 from runs where dag_id = ${dagId}::uuid and state = 'queued' and admitted_at is null`
    if (await hasAtLeast(db, maxOpenRunsPerDag, open)) return { scope: 'dag', limit: maxOpenRunsPerDag }
  }
  return null
}

/**
 * A process that is stopped between its count and its commit would hold up every submission for as long as the server lets
 * a transaction lie idle: here seconds, after which the server rolls it back.
 */
const lockCount = (db: Queryable, what: SQL): Promise<unknown> =>
  rowsOf(
    db,
    sql`
      select set_config('idle_in_transaction_session_timeout', '3s', true),
        pg_advisory_xact_lock(${lockSpace}::int, ${what})`,
  )

async function hasAtLeast(db: Queryable, count: number, rows: SQL): Promise<boolean> {
  const found = await rowsOf(db, sql`select 1 from (${rows}) as open offset ${count - 1}::int limit 1`)
  return found.length > 0
}

export const openRunLimitReached = ({ scope, limit }: ReachedLimit): AppError =>
  new AppError(
    'LIMIT_OPEN_RUNS',
    scope === 'dag' ? 'too many runs of this DAG are open' : 'too many runs are open',
    { details: { scope, limit, open_runs: limit } },
  )
