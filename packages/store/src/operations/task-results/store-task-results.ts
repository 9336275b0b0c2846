import type { TaskResultRow } from '@celeriac/core'
import type { Database, Statement } from '../../database.ts'

/**
 * One statement for any number of results: one round trip, one commit. Rows are written in the order of their keys, so
 * that two batches with the same tasks wait for each other instead of deadlocking.
 */
const statement: Statement = {
  name: 'store_task_results',
  text: `
    insert into task_results as r (task_id, status, meta, change, stored_at, expires_at)
    select u.task_id, u.status, u.meta, nextval('task_results_change_seq'), now(), now() + $4::float8 * interval '1 ms'
    from unnest($1::text[], $2::text[], $3::text[]) as u(task_id, status, meta)
    order by u.task_id
    on conflict (task_id) do update set
      status = excluded.status,
      meta = excluded.meta,
      change = excluded.change,
      stored_at = excluded.stored_at,
      expires_at = excluded.expires_at
    where r.status not in ('SUCCESS', 'FAILURE', 'REVOKED')
      or (r.status <> 'SUCCESS' and excluded.status in ('SUCCESS', 'FAILURE', 'REVOKED'))`,
}

/** Writes states of tasks; a stored SUCCESS stays, other ends are replaced by ends only. Task ids differ within one call. */
export async function storeTaskResults(
  database: Database,
  { results, expiresMs }: { readonly results: readonly TaskResultRow[]; readonly expiresMs: number | null },
): Promise<void> {
  if (results.length === 0) return
  await database.call(statement, [
    results.map(({ taskId }) => taskId),
    results.map(({ status }) => status),
    results.map(({ meta }) => meta),
    expiresMs,
  ])
}
