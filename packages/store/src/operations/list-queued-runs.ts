import type { Database, Statement } from '../database.ts'

const statement: Statement = {
  name: 'list_queued_runs',
  // Index: `runs_admitted`, nearly empty at most times, so that the scan every second costs nothing. Each partition is read
  // by itself and no further than the limit: with all of them in one condition the planner sorts the whole backlog, or
  // walks through that of somebody else's partitions.
  text: `
    select q.id, q.partition
    from unnest($1::smallint[]) as owned (partition)
    cross join lateral (
      select id, partition, created_at from runs
      where partition = owned.partition and state = 'queued' and admitted_at is not null
      order by created_at, id limit $2
    ) q
    order by q.created_at, q.id limit $2`,
}

export interface QueuedRun {
  readonly id: string
  readonly partition: number
}

/** Admitted runs that the engine has not taken up, oldest first: the outbox of `run.created`. */
export async function listQueuedRuns(
  database: Database,
  query: { readonly partitions: readonly number[]; readonly limit: number },
): Promise<readonly QueuedRun[]> {
  return database.call<QueuedRun>(statement, [query.partitions, query.limit])
}
