import { sql } from 'drizzle-orm'
import type { PgInsertValue } from 'drizzle-orm/pg-core'
import { AppError, type DatasetRecord } from '@celeriac/core'
import type { Database, Queryable } from '../database.ts'
import { datasets } from '../schema/index.ts'
import { storable } from '../storable-json.ts'
import { datasetColumns } from './dataset-columns.ts'

export type NewDataset = Omit<DatasetRecord, 'id' | 'createdAt'> & {
  readonly id?: number
  readonly replace: boolean
}

/**
 * Stores a data set under the id that the user pinned, or else under the next id of the sequence that nobody pinned.
 * @throws AppError CONFLICT_DATASET_EXISTS when the pinned id is taken and `replace` is false
 */
export async function createDataset(database: Database, dataset: NewDataset): Promise<DatasetRecord> {
  const { id, replace, ...rest } = dataset
  const values = {
    ...rest,
    rename: storable(rest.rename),
    columns: storable(rest.columns),
    createdAt: sql`now()`,
  }
  if (id === undefined) return database.query((db) => insertUnderNextId(db, values))
  const [stored] = await database.query((db) =>
    replace
      ? db
          .insert(datasets)
          .values({ ...values, id })
          .onConflictDoUpdate({ target: datasets.id, set: values })
          .returning(datasetColumns)
      : insertUnlessTaken(db, { ...values, id }),
  )
  if (stored === undefined)
    throw new AppError('CONFLICT_DATASET_EXISTS', 'a data set with this id exists', { details: { id } })
  return stored
}

type Row = PgInsertValue<typeof datasets>

const insertUnlessTaken = (db: Queryable, row: Row): Promise<DatasetRecord[]> =>
  db.insert(datasets).values(row).onConflictDoNothing().returning(datasetColumns)

/** The sequence never gives an id twice; ids that users pinned ahead of it are passed over one by one. */
async function insertUnderNextId(db: Queryable, values: Omit<Row, 'id'>): Promise<DatasetRecord> {
  for (;;) {
    const [stored] = await insertUnlessTaken(db, { ...values, id: sql`nextval('datasets_id_seq')` })
    if (stored !== undefined) return stored
  }
}
