import type { AdmissionFacts, Instant } from '@celeriac/core'
import type { Database, Statement } from '../database.ts'
import { isUuid } from '../uuid.ts'

/**
 * Counts go no further than what they are compared with. Indexes: `runs_active`, `runs_waiting`. The order of the count of
 * all is that of the index: without it the plan for any limit reads the table.
 */
const statement: Statement = {
  name: 'find_admission',
  text: `
    select
      r.state <> 'queued' or r.admitted_at is not null as is_admitted,
      d.max_active_runs,
      (
        select count(*)::int from (
          select 1 from runs a
          where d.max_active_runs is not null and a.dag_id = d.id
            and (a.state in ('running', 'cancelling') or (a.state = 'queued' and a.admitted_at is not null))
          limit d.max_active_runs
        ) x
      ) as active_of_dag,
      (
        select count(*)::int from (
          select 1 from runs a
          where $2::int is not null
            and (a.state in ('running', 'cancelling') or (a.state = 'queued' and a.admitted_at is not null))
          order by a.dag_id limit $2::int
        ) x
      ) as active,
      (
        select count(*)::int from (
          select 1 from runs a
          where a.dag_id = r.dag_id and a.state = 'queued' and a.admitted_at is null
            and (a.created_at, a.id) < (r.created_at, r.id)
          limit 1000
        ) x
      ) as ahead_of_dag,
      p.owner,
      round(date_part('epoch', p.claimed_at) * 1000) as claimed_at
    from runs r join dags d on d.id = r.dag_id left join partitions p on p.id = r.partition
    where r.id = $1`,
}

interface Row {
  readonly is_admitted: boolean
  readonly max_active_runs: number | null
  readonly active_of_dag: number
  readonly active: number
  readonly ahead_of_dag: number
  readonly owner: string | null
  readonly claimed_at: Instant | null
}

export async function findAdmission(
  database: Database,
  { runId, maxActiveRuns }: { readonly runId: string; readonly maxActiveRuns: number | null },
): Promise<AdmissionFacts | null> {
  if (!isUuid(runId)) return null
  const [row] = await database.call<Row>(statement, [runId, maxActiveRuns])
  if (row === undefined) return null
  const { owner, claimed_at: claimedAt } = row
  return {
    isAdmitted: row.is_admitted,
    maxActiveRunsOfDag: row.max_active_runs,
    activeOfDag: row.active_of_dag,
    active: row.active,
    aheadOfDag: row.ahead_of_dag,
    owner: owner === null || claimedAt === null ? null : { name: owner, claimedAt },
  }
}
