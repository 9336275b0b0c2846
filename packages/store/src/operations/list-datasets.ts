import { desc, sql } from 'drizzle-orm'
import type { DatasetRecord, Page } from '@celeriac/core'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import type { Database } from '../database.ts'
import { pageSize, toPage } from '../page.ts'
import { fromEpochMs } from '../schema/columns.ts'
import { datasets } from '../schema/index.ts'
import { datasetColumns } from './dataset-columns.ts'

/** Data sets, newest first; a replaced one counts as new. Index: `datasets_list`. */
export async function listDatasets(
  database: Database,
  page: { readonly limit: number; readonly cursor?: string },
): Promise<Page<DatasetRecord>> {
  const limit = pageSize(page.limit)
  const after =
    page.cursor === undefined ? null : decodeCursor('datasets', page.cursor, ['instant', 'integer'])
  const rows = await database.query((db) =>
    db
      .select(datasetColumns)
      .from(datasets)
      .where(
        after === null
          ? undefined
          : sql`(${datasets.createdAt}, ${datasets.id}) < (${fromEpochMs(after[0])}, ${after[1]}::bigint)`,
      )
      .orderBy(desc(datasets.createdAt), desc(datasets.id))
      .limit(limit + 1),
  )
  return toPage(
    rows,
    limit,
    (row) => row,
    ({ createdAt, id }) => encodeCursor('datasets', [createdAt, id]),
  )
}
