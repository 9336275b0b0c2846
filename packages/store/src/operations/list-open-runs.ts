import type { Database, Statement } from '../database.ts'

const statement: Statement = {
  name: 'list_open_runs',
  // The list of states repeats the predicate of the partial index `runs_open`, or the index would not be used.
  text: `
    select id from runs
    where partition = $1 and state in ('queued', 'running', 'cancelling')
    order by created_at, id`,
}

/** Ids of the partition's runs that are not final, oldest first. */
export async function listOpenRuns(
  database: Database,
  { partition }: { readonly partition: number },
): Promise<readonly string[]> {
  const rows = await database.call<{ id: string }>(statement, [partition])
  return rows.map(({ id }) => id)
}
