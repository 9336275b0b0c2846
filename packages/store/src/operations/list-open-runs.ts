import type { Database, Statement } from '../database.ts'

const statement: Statement = {
  name: 'list_open_runs',
  // The list of states repeats the predicate of the partial index `runs_open`, or the index would not be used.
  text: `
    select id from runs
    where partition = $1 and state in ('queued', 'running', 'cancelling') and (not $2 or state <> 'queued')
    order by created_at, id`,
}

/** Ids of the partition's runs that are not final, oldest first; perhaps without those still `queued`. */
export async function listOpenRuns(
  database: Database,
  { partition, startedOnly = false }: { readonly partition: number; readonly startedOnly?: boolean },
): Promise<readonly string[]> {
  const rows = await database.call<{ id: string }>(statement, [partition, startedOnly])
  return rows.map(({ id }) => id)
}
