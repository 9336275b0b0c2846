/** MLflow's scoring protocol: what `mlflow models serve` answers, and the clients of it send. */
import { z } from 'zod'
import { countSchema, textSchema } from './common.ts'
import { named } from './schema-registry.ts'

/** Exactly one of these says what the rows are. */
export const mlflowFormats = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'] as const

export const mlflowMethods = ['predict', 'predict_proba'] as const

export const mlflowBodySchema = named(
  'InvocationBody',
  z
    .strictObject({
      dataframe_split: z
        .strictObject({
          columns: z.array(z.string().min(1)).min(1),
          data: z.array(z.array(z.unknown())),
          index: z.array(z.unknown()).optional().describe('Means nothing here.'),
        })
        .optional()
        .describe("As pandas' `to_dict(orient='split')`."),
      dataframe_records: z
        .array(z.record(z.string(), z.unknown()))
        .optional()
        .describe("As pandas' `to_dict(orient='records')`."),
      instances: z
        .array(z.unknown())
        .optional()
        .describe("One entry per row: an object, or a list in the order of the model's inputs."),
      inputs: z
        .union([z.record(z.string(), z.array(z.unknown())), z.array(z.unknown())])
        .optional()
        .describe('Columns by name, or rows as in `instances`.'),
      params: z
        .strictObject({ method: z.enum(mlflowMethods).optional() })
        .nullish()
        .describe("`predict_proba`: probabilities in the order of the model's classes instead of labels."),
    })
    .refine((body) => mlflowFormats.filter((format) => body[format] !== undefined).length === 1, {
      message: `exactly one of ${mlflowFormats.join(', ')} is expected`,
    }),
)
export type MlflowBody = z.output<typeof mlflowBodySchema>
export type MlflowMethod = (typeof mlflowMethods)[number]

export const mlflowAnswerSchema = named(
  'InvocationAnswer',
  z.object({
    predictions: z
      .array(z.unknown())
      .describe('One per row, same order: the label or value; with `predict_proba` a list of probabilities.'),
  }),
)

/** Every error: a name of MLflow's, and one text, which names all problems. */
export const mlflowErrorSchema = named(
  'InvocationError',
  z.object({ error_code: z.string(), message: z.string() }),
)

/** Which model `/invocations` means. */
export const mlflowQuerySchema = z
  .strictObject({
    model: textSchema(300).optional().describe('Name of the model; default: `CELERIAC_INVOCATIONS_MODEL`.'),
    version: countSchema(1).optional().describe('Version number; not together with an alias.'),
    alias: textSchema(100).optional().describe('Alias of a version.'),
  })
  .refine((query) => query.version === undefined || query.alias === undefined, {
    message: 'give a version or an alias, not both',
  })
  .refine((query) => query.model !== undefined || (query.version ?? query.alias) === undefined, {
    message: 'a version or an alias needs a model',
  })
