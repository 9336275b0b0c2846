import { sql } from 'drizzle-orm'
import { bigint, check, doublePrecision, integer, pgTable, text } from 'drizzle-orm/pg-core'

/** The flowers of the articles' system; the migration that makes the table also puts the 150 known ones in. */
export const iris = pgTable(
  'iris',
  {
    id: integer('id').primaryKey().generatedByDefaultAsIdentity({ startWith: 151 }),
    sepalLen: doublePrecision('sepal_len').notNull(),
    sepalWidth: doublePrecision('sepal_width').notNull(),
    petalLen: doublePrecision('petal_len').notNull(),
    petalWidth: doublePrecision('petal_width').notNull(),
    category: text('category').notNull(),
  },
  (table) => [check('iris_category', sql`char_length(${table.category}) <= 500`)],
)

/** Contents that were trained on, and the data set that each became. */
export const irisDatasets = pgTable('iris_datasets', {
  sha256: text('sha256').primaryKey(),
  datasetId: bigint('dataset_id', { mode: 'number' }).notNull(),
})
