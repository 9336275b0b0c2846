import { z } from 'zod'
import { countSchema, flagSchema, instantSchema, pageSchema, textSchema } from './common.ts'
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
    rows: z
      .number()
      .int()
      .nullable()
      .describe('Null for Parquet files that were uploaded to a version which did not read their footer.'),
    sha256: z.string(),
    rename: z.record(z.string(), z.string()).describe('Column name in the file → name that operators see.'),
    columns: z
      .array(
        z.object({ name: z.string(), type: z.enum(datasetColumnTypes), nulls: z.number().int().nullable() }),
      )
      .describe(
        'Columns under the names that operators see. `nulls` is null where the file does not say (Parquet without statistics).',
      ),
    created_at: instantSchema,
  }),
)
export type DatasetView = z.output<typeof datasetSchema>
export const datasetPageSchema = pageSchema('DatasetPage', datasetSchema)

const repeated = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat())

export const uploadQuerySchema = z.strictObject({
  id: countSchema(1)
    .optional()
    .describe('Pins the id under which DAGs name the data set (`data_id`); the next free one when left out.'),
  name: textSchema(200).optional().describe("Default: the file's name, else `dataset-<id>`."),
  rename: repeated
    .optional()
    .describe('`old:new`, repeated for more columns; or one JSON object for names that hold a colon.'),
  format: z
    .enum(['csv', 'parquet'])
    .optional()
    .describe('Default: by content type, then file name, then content.'),
  replace: flagSchema
    .default(false)
    .describe('True: takes the place of the data set with this id. Runs created before keep what they read.'),
})
