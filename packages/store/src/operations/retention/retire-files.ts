import { sql } from 'drizzle-orm'
import type { RetentionStore } from '@celeriac/core'
import type { Database } from '../../database.ts'
import { rowsOf } from '../../sql-rows.ts'
import { finishedBefore, madeAModel } from './expired-runs.ts'
import { shortTransaction } from './short-transaction.ts'

/**
 * The mark goes on in the transaction that notes the files: neither is there without the other. No run is locked: one
 * that is run again meanwhile finishes later again, and comes up again behind the mark.
 */
export async function retireFiles(
  database: Database,
  { kind, finishedBefore: moment, limit }: Parameters<RetentionStore['retireFiles']>[0],
): Promise<Awaited<ReturnType<RetentionStore['retireFiles']>>> {
  const [row] = await shortTransaction(database, (db) =>
    rowsOf<{ readonly seen: number; readonly noted: number }>(
      db,
      sql`
        with batch as materialized (
          select r.id, r.finished_at from runs r
          where ${finishedBefore(moment)} and (r.finished_at, r.id) > (
            coalesce((select finished_at from retention_marks where kind = ${kind}), '-infinity'),
            coalesce((select run_id from retention_marks where kind = ${kind}), '00000000-0000-0000-0000-000000000000')
          )
          order by r.finished_at, r.id limit ${limit}
        ), noted as (
          insert into file_removals (run_id, kind, retired_at) select r.id, ${kind}, now() from batch r where ${kind === 'artifacts' ? sql`not ${madeAModel}` : sql`true`}
          on conflict do nothing returning 1
        ), marked as (
          insert into retention_marks (kind, finished_at, run_id)
          select ${kind}, finished_at, id from batch order by finished_at desc, id desc limit 1
          on conflict (kind) do update set finished_at = excluded.finished_at, run_id = excluded.run_id
        )
        select (select count(*) from batch)::int as seen, (select count(*) from noted)::int as noted`,
    ),
  )
  return { runs: row?.noted ?? 0, isDone: (row?.seen ?? 0) < limit }
}
