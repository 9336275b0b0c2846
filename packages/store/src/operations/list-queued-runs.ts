import type { Database, Statement } from '../database.ts'

const statement: Statement = {
  name: 'list_queued_runs',
  // Index: `runs_queued`, nearly empty at most times, so that the scan every second costs nothing; its partition keeps a
  // backlog of somebody else's partitions out of the way.
  text: `
    select id, partition from runs
    where partition = any($1::smallint[]) and state = 'queued'
    order by created_at, id limit $2`,
}

export interface QueuedRun {
  readonly id: string
  readonly partition: number
}

/** Runs that the engine has not taken up, oldest first: the outbox of `run.created`. */
export async function listQueuedRuns(
  database: Database,
  query: { readonly partitions: readonly number[]; readonly limit: number },
): Promise<readonly QueuedRun[]> {
  return database.call<QueuedRun>(statement, [query.partitions, query.limit])
}
