import { sql } from 'drizzle-orm'
import type { FinishedRunCursor, Instant, RetentionStore } from '@celeriac/core'
import type { Database } from '../../database.ts'
import { epochMs } from '../../schema/columns.ts'
import { rowsOf } from '../../sql-rows.ts'
import { finishedAfter, finishedBefore, madeAModel } from './expired-runs.ts'
import { shortTransaction } from './short-transaction.ts'

interface Retired {
  readonly runs: number
  readonly tasks: number
  readonly seen: number
  readonly chosen: number
  readonly last_at: Instant | null
  readonly last_id: string | null
}

/**
 * One statement. The rows of runs are locked before anything is deleted, and those that somebody else holds are left
 * out: a run that is run again just now stays, and whoever runs it again does not wait. Tasks and attempts go by the
 * cascade, which finds them by their keys. The files are noted in the same breath.
 */
export async function retireRuns(
  database: Database,
  { finishedBefore: moment, after, maxRuns, maxTasks }: Parameters<RetentionStore['retireRuns']>[0],
): Promise<Awaited<ReturnType<RetentionStore['retireRuns']>>> {
  const [row] = await shortTransaction(database, (db) =>
    rowsOf<Retired>(
      db,
      sql`
        with seen as materialized (
          select r.id, r.finished_at, r.dag_id, r.dag_version from runs r
          where ${finishedBefore(moment)} ${after === null ? sql`` : sql`and ${finishedAfter(after)}`}
            and not ${madeAModel}
          order by r.finished_at, r.id limit ${maxRuns}
          for update of r skip locked
        ), counted as (
          select s.id, s.finished_at, v.operator_count,
            row_number() over in_order as number, sum(v.operator_count) over in_order as tasks
          from seen s
          cross join lateral (
            select operator_count from dag_versions where dag_id = s.dag_id and version = s.dag_version limit 1
          ) v
          window in_order as (order by s.finished_at, s.id)
        ), chosen as materialized (
          select id, finished_at, operator_count from counted where number = 1 or tasks <= ${maxTasks}
        ), gone as (
          delete from runs where id = any(array(select id from chosen)) returning id
        ), noted as (
          insert into file_removals (run_id, kind, retired_at) select id, 'run', now() from gone
          on conflict do nothing
        ), last as (
          select id, finished_at from chosen order by finished_at desc, id desc limit 1
        )
        select
          (select count(*) from gone)::int as runs,
          (select coalesce(sum(operator_count), 0) from chosen)::int as tasks,
          (select count(*) from seen)::int as seen,
          (select count(*) from chosen)::int as chosen,
          (select ${epochMs(sql`finished_at`)} from last) as last_at,
          (select id from last) as last_id`,
    ),
  )
  if (row === undefined) return { runs: 0, operatorTasks: 0, next: null }
  const isLast = row.seen < maxRuns && row.chosen === row.seen
  return { runs: row.runs, operatorTasks: row.tasks, next: isLast ? null : cursorOf(row) }
}

const cursorOf = ({ last_at: finishedAt, last_id: runId }: Retired): FinishedRunCursor | null =>
  finishedAt === null || runId === null ? null : { finishedAt: Number(finishedAt), runId }
