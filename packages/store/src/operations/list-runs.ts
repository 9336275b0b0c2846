import { and, desc, eq, sql } from 'drizzle-orm'
import type { Page, RunState, RunSummary } from '@celeriac/core'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import type { Database } from '../database.ts'
import { pageSize, toPage } from '../page.ts'
import { epochMs, epochMsOrNull, fromEpochMs } from '../schema/columns.ts'
import { dags, runs } from '../schema/index.ts'

export interface RunListQuery {
  readonly limit: number
  readonly cursor?: string
  readonly state?: RunState
}

/** Runs, newest first. Indexes: `runs_list`, and `runs_list_by_state` with a state. */
export async function listRuns(database: Database, query: RunListQuery): Promise<Page<RunSummary>> {
  const limit = pageSize(query.limit)
  const after = query.cursor === undefined ? null : decodeCursor('runs', query.cursor, ['instant', 'uuid'])
  const rows = await database.query((db) =>
    db
      .select({
        id: runs.id,
        dagId: runs.dagId,
        dagName: dags.name,
        dagVersion: runs.dagVersion,
        state: runs.state,
        createdAt: epochMs(runs.createdAt),
        startedAt: epochMsOrNull(runs.startedAt),
        finishedAt: epochMsOrNull(runs.finishedAt),
        version: runs.version,
      })
      .from(runs)
      .innerJoin(dags, eq(dags.id, runs.dagId))
      .where(
        and(
          query.state === undefined ? undefined : eq(runs.state, query.state),
          after === null
            ? undefined
            : sql`(${runs.createdAt}, ${runs.id}) < (${fromEpochMs(after[0])}, ${after[1]}::uuid)`,
        ),
      )
      .orderBy(desc(runs.createdAt), desc(runs.id))
      .limit(limit + 1),
  )
  return toPage(
    rows,
    limit,
    (row) => row,
    ({ createdAt, id }) => encodeCursor('runs', [createdAt, id]),
  )
}
