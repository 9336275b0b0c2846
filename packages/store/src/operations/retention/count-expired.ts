import { sql, type SQL } from 'drizzle-orm'
import type { ExpiredCounts, Instant, RetentionLimits, RetentionStore } from '@celeriac/core'
import type { Database } from '../../database.ts'
import { rowsOf } from '../../sql-rows.ts'
import { finishedBefore, madeAModel } from './expired-runs.ts'

/** Nothing is old enough. */
const never = sql`false`
const expired = (moment: Instant | null): SQL => (moment === null ? never : finishedBefore(moment))
const behindTheMark = (kind: 'logs' | 'artifacts'): SQL => sql`
  (r.finished_at, r.id) > (
    coalesce((select finished_at from retention_marks where kind = ${kind}), '-infinity'),
    coalesce((select run_id from retention_marks where kind = ${kind}), '00000000-0000-0000-0000-000000000000')
  )`

const madeBefore = (moment: Instant | null): SQL =>
  moment === null ? never : sql`a.at < to_timestamp(${moment}::float8 / 1000)`

const archivedBefore = (moment: Instant | null): SQL =>
  moment === null ? never : sql`v.archived_at < to_timestamp(${moment}::float8 / 1000)`

/** Those that stay: what goes with its run is counted there. */
const staying = ({ runs }: RetentionLimits): SQL => sql`(not (${expired(runs)}) or ${madeAModel})`

/** Costs in proportion to what has expired: for somebody who asks, not for a metric. */
export async function countExpired(database: Database, limits: RetentionLimits): Promise<ExpiredCounts> {
  const [row] = await database.query((db) =>
    rowsOf<ExpiredCounts>(
      db,
      sql`
        select
          gone.runs, gone.tasks as "operatorTasks", gone.kept as "runsKeptForModels",
          (
            select count(*)::int from runs r
            where ${expired(limits.logs)} and ${behindTheMark('logs')} and ${staying(limits)}
          ) as logs,
          (
            select count(*)::int from runs r
            where ${expired(limits.artifacts)} and ${behindTheMark('artifacts')} and not ${madeAModel}
              and ${staying(limits)}
          ) as artifacts,
          (
            select count(*) from task_results where expires_at < now()
          )::int + (
            select count(*) from task_groups where expires_at < now()
          )::int + (
            select count(*) from task_chords where expires_at < now()
          )::int as "taskResults",
          (select count(*) from audit_log a where ${madeBefore(limits.audit)})::int as "auditEntries",
          (
            select count(*) from model_versions v
            where v.archived_at is not null and ${archivedBefore(limits.modelVersions)}
          )::int as "modelVersions",
          (select count(*) from file_removals)::int as "fileRemovals"
        from (
          select count(*) filter (where not e.is_kept)::int as runs, count(*) filter (where e.is_kept)::int as kept,
            coalesce(sum(v.operator_count) filter (where not e.is_kept), 0)::int as tasks
          from (
            select r.dag_id, r.dag_version, ${madeAModel} as is_kept from runs r where ${expired(limits.runs)}
          ) e
          join dag_versions v on v.dag_id = e.dag_id and v.version = e.dag_version
        ) gone`,
    ),
  )
  if (row === undefined) throw new Error('a count gave no row')
  return row
}

export async function listExpiredRuns(
  database: Database,
  { kind, finishedBefore: moment, limit }: Parameters<RetentionStore['listExpiredRuns']>[0],
): Promise<readonly string[]> {
  const condition =
    kind === 'logs'
      ? behindTheMark('logs')
      : kind === 'artifacts'
        ? sql`${behindTheMark('artifacts')} and not ${madeAModel}`
        : sql`not ${madeAModel}`
  const rows = await database.query((db) =>
    rowsOf<{ readonly id: string }>(
      db,
      sql`
        select r.id from runs r where ${finishedBefore(moment)} and ${condition}
        order by r.finished_at, r.id limit ${limit}`,
    ),
  )
  return rows.map(({ id }) => id)
}
