import { and, between, desc, eq, sql, type SQL } from 'drizzle-orm'
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

/** Runs, newest first. Indexes: `runs_list`, and `runs_list_by_state` with a state. A run added meanwhile moves no page. */
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
      .where(and(inState(query.state), after === null ? undefined : isBefore(after)))
      .orderBy(...(query.state === undefined ? [] : [desc(runs.state)]), desc(runs.createdAt), desc(runs.id))
      .limit(limit + 1),
  )
  return toPage(
    rows,
    limit,
    (row) => row,
    ({ createdAt, id }) => encodeCursor('runs', [createdAt, id]),
  )
}

/**
 * A range instead of `=`, with the state in the order: so the only index that gives this order is that by state. For `=`
 * the planner may take the index without the state and filter, which is fine for a state that many of the newest runs
 * are in, and reads the whole table for one that has not occurred for long.
 */
const inState = (state: RunState | undefined): SQL | undefined =>
  state === undefined ? undefined : between(runs.state, state, state)

const isBefore = ([createdAt, id]: readonly [number, string]): SQL =>
  sql`(${runs.createdAt}, ${runs.id}) < (${fromEpochMs(createdAt)}, ${id}::uuid)`
