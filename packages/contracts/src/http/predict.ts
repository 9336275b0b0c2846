import { z } from 'zod'
import { countSchema, jsonObjectSchema, textSchema } from './common.ts'
import { named } from './schema-registry.ts'

const cell = z.union([z.string(), z.number(), z.boolean(), z.null()])

export const maxPredictRows = 1_000

/** Seconds that a caller waits for a prediction. */
export const predictTimeoutSchema = z.coerce.number().min(0.001).max(60)
export const defaultPredictTimeoutS = 5

export const predictQuerySchema = z
  .strictObject({
    version: countSchema(1).optional().describe('Version number; not together with an alias.'),
    alias: textSchema(100).optional().describe('Alias of a version.'),
    timeout: predictTimeoutSchema
      .optional()
      .describe('Seconds after which the answer is 504; of several given ones the shortest counts.'),
  })
  .refine((query) => query.version === undefined || query.alias === undefined, {
    message: 'give a version or an alias, not both',
  })

export const predictBodySchema = named(
  'PredictBody',
  z
    .strictObject({
      /** Rows as objects by column name, or as lists in the order of `columns`. */
      rows: z
        .array(z.union([z.record(z.string(), cell), z.array(cell)]))
        .min(1)
        .max(maxPredictRows),
      columns: z.array(z.string().min(1)).optional(),
      timeout: z.number().min(0.001).max(60).optional().describe('As the parameter of the query.'),
    })
    .refine((body) => body.columns !== undefined || body.rows.every((row) => !Array.isArray(row)), {
      message: 'rows that are lists need columns',
      path: ['columns'],
    }),
)
export type PredictBody = z.output<typeof predictBodySchema>

/**
 * Whether a body is sure to fit {@link predictBodySchema} as it is: by hand, since it stands in front of every
 * prediction. What it does not know may fit all the same; the schema says so, or what is wrong.
 */
export function isPlainPredictBody(body: unknown): boolean {
  if (!isObject(body)) return false
  const { rows, columns, timeout, ...others } = body
  for (const _other in others) return false
  if (timeout !== undefined && !(typeof timeout === 'number' && timeout >= 0.001 && timeout <= 60))
    return false
  if (columns !== undefined && !(Array.isArray(columns) && columns.every(isColumnName))) return false
  if (!Array.isArray(rows) || rows.length === 0 || rows.length > maxPredictRows) return false
  return (rows as readonly unknown[]).every((row) =>
    Array.isArray(row) ? columns !== undefined && row.every(isCell) : isObject(row) && hasPlainCells(row),
  )
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isColumnName = (value: unknown): boolean => typeof value === 'string' && value !== ''

function hasPlainCells(row: Readonly<Record<string, unknown>>): boolean {
  // The schema leaves `__proto__` out.
  for (const name in row) if (name === '__proto__' || !isCell(row[name])) return false
  return true
}

const isCell = (value: unknown): boolean =>
  typeof value === 'number'
    ? Number.isFinite(value)
    : typeof value === 'string' || typeof value === 'boolean' || value === null

export const predictionSchema = named(
  'Predictions',
  z.object({
    model: z.object({ name: z.string(), version: z.number().int(), alias: z.string().nullable() }),
    route: z
      .enum(['primary', 'canary', 'pinned'])
      .describe('Why this version: the one that serves, a share of the traffic, or named by the caller.'),
    predictions: z
      .array(jsonObjectSchema)
      .describe(
        'One per row, same order: `predict_result`, and for classifiers `predict_probability` and `probabilities`.',
      ),
  }),
)
export type PredictionsView = z.output<typeof predictionSchema>
