import { and, desc, eq, sql } from 'drizzle-orm'
import type { DagVersionRecord, Page } from '@celeriac/core'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import type { Database } from '../database.ts'
import { pageSize, toPage } from '../page.ts'
import { epochMs, fromEpochMs } from '../schema/columns.ts'
import { dagVersions, dags } from '../schema/index.ts'

export type DagListItem = Omit<DagVersionRecord, 'plan' | 'document' | 'source'>

/** DAGs by their newest version, the last registered first. Index: `dags_list`. */
export async function listDags(
  database: Database,
  page: { readonly limit: number; readonly cursor?: string },
): Promise<Page<DagListItem>> {
  const limit = pageSize(page.limit)
  const after = page.cursor === undefined ? null : decodeCursor('dags', page.cursor, ['instant', 'uuid'])
  const rows = await database.query((db) =>
    db
      .select({
        dagId: dags.id,
        name: dags.name,
        version: dagVersions.version,
        contentHash: dagVersions.contentHash,
        createdAt: epochMs(dags.latestAt),
      })
      .from(dags)
      .innerJoin(
        dagVersions,
        and(eq(dagVersions.dagId, dags.id), eq(dagVersions.version, dags.latestVersion)),
      )
      .where(
        after === null
          ? undefined
          : sql`(${dags.latestAt}, ${dags.id}) < (${fromEpochMs(after[0])}, ${after[1]}::uuid)`,
      )
      .orderBy(desc(dags.latestAt), desc(dags.id))
      .limit(limit + 1),
  )
  return toPage(
    rows,
    limit,
    (row) => row,
    ({ createdAt, dagId }) => encodeCursor('dags', [createdAt, dagId]),
  )
}
