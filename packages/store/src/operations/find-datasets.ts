import { asc, inArray } from 'drizzle-orm'
import type { DatasetRecord } from '@celeriac/core'
import type { Database } from '../database.ts'
import { datasets } from '../schema/index.ts'
import { datasetColumns } from './dataset-columns.ts'

/** Those of the ids that exist, by id. */
export async function findDatasets(
  database: Database,
  ids: readonly number[],
): Promise<readonly DatasetRecord[]> {
  const known = ids.filter((id) => Number.isSafeInteger(id))
  if (known.length === 0) return []
  return database.query((db) =>
    db.select(datasetColumns).from(datasets).where(inArray(datasets.id, known)).orderBy(asc(datasets.id)),
  )
}
