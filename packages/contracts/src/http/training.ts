import { z } from 'zod'
import { instantSchema, jsonObjectSchema, problemSchema, textSchema } from './common.ts'
import { named } from './schema-registry.ts'
import { taskStates } from './tasks.ts'

/** Formats in which tables can be had. */
export const outputFormats = ['parquet', 'csv'] as const

/** Steps that may stand in front of a trainer; each is the algorithm `algo_local_<step>`. */
export const trainTransforms = ['fill_missing', 'label_encode', 'standardize'] as const
export type TrainTransform = (typeof trainTransforms)[number]

const columnSchema = textSchema(500)
const nameSchema = textSchema(150)
const datasetIdSchema = z.int().min(1).max(2_147_483_647).describe('Id of the data set.')
const seedSchema = z.int().min(0).max(4_294_967_295)

const shareSchema = z.number().gt(0).lt(1)
const byShareSchema = z.strictObject({
  test: shareSchema.default(0.2).describe('Share of the rows that is held out.'),
  seed: seedSchema.default(0),
  stratify: columnSchema.optional().describe('Keeps the shares of the values of this column in both parts.'),
})
const byRemainderSchema = z.strictObject({
  column: columnSchema.describe('A column of whole numbers; it is no feature unless `features` names it.'),
  modulus: z.int().min(2).max(1_000_000),
  remainder: z.int().min(0).default(0).describe('Rows with this remainder are held out.'),
})

export const trainBodySchema = named(
  'TrainBody',
  z.strictObject({
    algorithm: textSchema(200).describe('Name of a trainer, see `GET /algorithms`.'),
    dataset: datasetIdSchema,
    params: jsonObjectSchema.default({}).describe('Parameters of the trainer.'),
    target: columnSchema.optional().describe('What is to be predicted; for supervised trainers.'),
    features: z
      .array(columnSchema)
      .min(1)
      .max(5_000)
      .optional()
      .describe('Columns to learn from. Default: all but the target (of cluster models: all numeric ones).'),
    transforms: z
      .array(
        z.union([
          z.enum(trainTransforms),
          z.strictObject({ type: z.enum(trainTransforms), params: jsonObjectSchema.default({}) }),
        ]),
      )
      .max(10)
      .default([])
      .describe('Steps before training, in order, fitted on the training rows; they travel with the model.'),
    split: z
      .union([shareSchema, byShareSchema, byRemainderSchema])
      .optional()
      .describe('Holds rows out for the evaluation: a share, or the remainder of a column. Default: none.'),
    evaluate: z
      .union([z.boolean(), z.strictObject({ params: jsonObjectSchema })])
      .optional()
      .describe('Scores the rows held out and measures. Default: where rows are held out.'),
    deploy: z
      .strictObject({
        name: nameSchema.describe('Name of the model.'),
        alias: textSchema(100).optional().describe('Default: that of the deploying operator, `candidate`.'),
        description: textSchema(2_000).optional(),
      })
      .optional()
      .describe('Registers the model as a new version.'),
    name: nameSchema
      .optional()
      .describe('The DAG is called `train-<name>`. Default: the name of the model, else the algorithm.'),
  }),
)
export type TrainBody = z.output<typeof trainBodySchema>

export const batchPredictBodySchema = named(
  'BatchPredictBody',
  z
    .strictObject({
      dataset: datasetIdSchema,
      version: z.int().min(1).optional().describe('Version of the model.'),
      alias: textSchema(100)
        .optional()
        .describe('Alias of the version. With neither: the champion, else the newest.'),
      keep: z
        .array(columnSchema)
        .max(5_000)
        .optional()
        .describe('Columns of the data set that stand beside the predictions. Default: all.'),
      format: z
        .enum(outputFormats)
        .default('parquet')
        .describe('`csv`: the result can be downloaded as CSV as well.'),
    })
    .refine((body) => body.version === undefined || body.alias === undefined, {
      message: 'give a version or an alias, not both',
    }),
)
export type BatchPredictBody = z.output<typeof batchPredictBodySchema>

/** Answer to what is done by a run. The id of the task is the id of the run. */
export const submittedTaskSchema = named(
  'SubmittedTask',
  z.object({
    task_id: z.string(),
    run_id: z.string(),
    dag_name: z.string(),
    dag_version: z.int(),
    state: z.enum(taskStates),
    model: z
      .object({ name: z.string(), version: z.int() })
      .nullable()
      .describe('The version that a batch is scored with; it does not change any more.'),
    is_new: z.boolean().describe('False when the idempotency key had made it already.'),
    created_at: instantSchema,
    warnings: z.array(problemSchema),
  }),
)
export type SubmittedTaskView = z.output<typeof submittedTaskSchema>
