import type { Database, Statement } from '../../database.ts'

// `skip locked`: a row that someone writes just now gets a new time of expiry, and two cleaners do not wait for each other.
// `any(array(…))`: with `in` a whole table of results without an end would be read.
const statement: Statement = {
  name: 'delete_expired_task_results',
  text: `
    with results as (
      delete from task_results where task_id = any(array(
        select task_id from task_results where expires_at < now() order by expires_at limit $1 for update skip locked
      )) returning 1
    ), groups as (
      delete from task_groups where group_id = any(array(
        select group_id from task_groups where expires_at < now() order by expires_at limit $1 for update skip locked
      )) returning 1
    ), chords as (
      delete from task_chords where group_id = any(array(
        select group_id from task_chords where expires_at < now() order by expires_at limit $1 for update skip locked
      )) returning 1
    )
    select (select count(*) from results)::int + (select count(*) from groups)::int + (select count(*) from chords)::int
      as deleted`,
}

/** One batch; parts go with their chord. Gives how many rows were deleted: 0 = nothing is left. */
export async function deleteExpiredTaskResults(
  database: Database,
  { limit }: { readonly limit: number },
): Promise<number> {
  const [row] = await database.call<{ readonly deleted: number }>(statement, [limit])
  return row?.deleted ?? 0
}
