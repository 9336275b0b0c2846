import { z } from 'zod'
import { instantSchema, pageSchema } from './common.ts'
import { named } from './schema-registry.ts'

export const datasetColumnTypes = ['integer', 'number', 'boolean', 'date', 'datetime', 'string'] as const

export const datasetSchema = named(
  'Dataset',
  z.object({
    id: z.number().int(),
    name: z.string(),
    format: z.enum(['csv', 'parquet']),
    uri: z.string(),
    bytes: z.number().int(),
    /** Null where the rows were not counted (Parquet). */
    rows: z.number().int().nullable(),
    sha256: z.string(),
    /** Column name in the file → name that operators see. */
    rename: z.record(z.string(), z.string()),
    /** Columns under the names that operators see; empty where the schema was not read (Parquet). */
    columns: z.array(
      z.object({ name: z.string(), type: z.enum(datasetColumnTypes), nulls: z.number().int() }),
    ),
    created_at: instantSchema,
  }),
)
export type DatasetView = z.output<typeof datasetSchema>
export const datasetPageSchema = pageSchema('DatasetPage', datasetSchema)

const repeated = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat())

export const uploadQuerySchema = z.strictObject({
  /** Pins the id under which DAGs name the data set (`data_id`); the next free one when left out. */
  id: z.coerce.number().int().min(1).max(2_147_483_647).optional(),
  /** Default: the file's name, else `dataset-<id>`. */
  name: z.string().min(1).max(200).optional(),
  /** `old:new`, repeated for more columns; or one JSON object for names that hold a colon. */
  rename: repeated.optional(),
  /** Default: by content type, then file name, then content. */
  format: z.enum(['csv', 'parquet']).optional(),
  /** True: takes the place of the data set with this id. Runs created before keep what they read. */
  replace: z.stringbool().default(false),
})
