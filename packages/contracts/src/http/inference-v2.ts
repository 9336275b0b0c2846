/**
 * The Open Inference Protocol, V2, over REST, with the extensions that Triton and MLServer have in common: binary tensors,
 * the model repository, statistics. Names, cases and shapes are the protocol's, not ours.
 */
import { z } from 'zod'
import { countSchema, textSchema } from './common.ts'
import { named } from './schema-registry.ts'

/** Datatypes that have a value here. FP16 and BF16 are known and refused: neither has a portable JSON form. */
export const v2Datatypes = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP32',
  'FP64',
  'BYTES',
] as const
export type V2Datatype = (typeof v2Datatypes)[number]

const maxTensors = 5_000
const maxRank = 4

const parameterSchema = z.union([z.string(), z.number(), z.boolean()])
const parametersSchema = z.record(z.string(), parameterSchema)

/** Null where clients write out what they leave open. */
const optional = <S extends z.ZodType>(schema: S) => schema.nullish()

export const v2InputSchema = named(
  'InferenceInput',
  z.strictObject({
    name: textSchema(300),
    shape: z.array(z.number().int().min(0).max(2_147_483_647)).min(1).max(maxRank),
    datatype: textSchema(20).describe(`One of ${v2Datatypes.join(', ')}.`),
    parameters: optional(parametersSchema).describe(
      '`binary_data_size`: bytes of the tensor, behind the JSON in the body.',
    ),
    data: z
      .unknown()
      .optional()
      .describe('Row-major, flat or nested as the shape. BYTES are strings. `null`: missing.'),
  }),
)
export type V2Input = z.output<typeof v2InputSchema>

export const v2OutputRequestSchema = z.strictObject({
  name: textSchema(300),
  parameters: optional(parametersSchema).describe('`binary_data`: whether this one is answered in binary.'),
})

export const v2InferBodySchema = named(
  'InferenceRequest',
  z.strictObject({
    id: optional(z.string().max(1_000)).describe('Is in the answer again.'),
    parameters: optional(parametersSchema).describe(
      '`timeout`: microseconds after which the answer is 504. `binary_data_output`: all outputs in binary.',
    ),
    inputs: z
      .array(v2InputSchema)
      .min(1)
      .max(maxTensors)
      .describe(
        "One tensor `[n, f]` in the order of the model's inputs, or one `[n]` or `[n, 1]` for each of them by name.",
      ),
    outputs: optional(z.array(v2OutputRequestSchema).max(100)).describe('Default: all.'),
  }),
)
export type V2InferBody = z.output<typeof v2InferBodySchema>

const tensorTypeSchema = z.object({
  name: z.string(),
  datatype: z.enum(v2Datatypes),
  shape: z.array(z.number().int()).describe('-1: any.'),
})

const answeredTensorSchema = tensorTypeSchema.extend({
  parameters: parametersSchema.optional(),
  data: z.array(z.unknown()).optional().describe('Flat, row-major; left out where it is sent in binary.'),
})
export type V2Output = z.output<typeof answeredTensorSchema>

export const v2InferAnswerSchema = named(
  'InferenceAnswer',
  z.object({
    model_name: z.string(),
    model_version: z.string(),
    id: z.string().optional(),
    parameters: parametersSchema.optional(),
    outputs: z.array(answeredTensorSchema),
  }),
)
export type V2InferAnswer = z.output<typeof v2InferAnswerSchema>

export const v2ServerSchema = named(
  'InferenceServer',
  z.object({ name: z.string(), version: z.string(), extensions: z.array(z.string()) }),
)
export const v2LiveSchema = named('InferenceServerLive', z.object({ live: z.boolean() }))
export const v2ReadySchema = named('InferenceServerReady', z.object({ ready: z.boolean() }))
export const v2ModelReadySchema = named(
  'InferenceModelReady',
  z.object({ name: z.string(), ready: z.boolean() }),
)
export const v2ModelSchema = named(
  'InferenceModel',
  z.object({
    name: z.string(),
    versions: z.array(z.string()),
    platform: z.string(),
    inputs: z.array(tensorTypeSchema),
    outputs: z.array(tensorTypeSchema),
  }),
)
export type V2Model = z.output<typeof v2ModelSchema>

export const v2IndexBodySchema = named(
  'InferenceIndexBody',
  z.strictObject({ ready: optional(z.boolean()).describe('True: only versions that can be asked.') }),
)
export const v2IndexSchema = named(
  'InferenceIndex',
  z.array(
    z.object({
      name: z.string(),
      version: z.string(),
      state: z.enum(['READY', 'UNAVAILABLE']),
      reason: z.string(),
    }),
  ),
)
export type V2Index = z.output<typeof v2IndexSchema>

export const v2RepositoryBodySchema = named(
  'InferenceRepositoryBody',
  z.strictObject({
    parameters: optional(z.strictObject({ unload_dependents: optional(z.boolean()) })).describe(
      'Settings and files of a model cannot be replaced: a version never changes.',
    ),
  }),
)
export const v2RepositoryAnswerSchema = named('InferenceRepositoryAnswer', z.object({}))

const durationSchema = z.object({ count: z.number().int(), ns: z.number().int() })
export const v2StatisticsSchema = named(
  'InferenceStatistics',
  z.object({
    model_stats: z.array(
      z.object({
        name: z.string(),
        version: z.string(),
        last_inference: z.number().int().describe('Milliseconds since 1970; 0: none yet.'),
        inference_count: z.number().int().describe('Rows.'),
        execution_count: z.number().int().describe('Requests that were answered.'),
        inference_stats: z.object({
          success: durationSchema,
          fail: durationSchema,
          queue: durationSchema,
          compute_input: durationSchema,
          compute_infer: durationSchema,
          compute_output: durationSchema,
          cache_hit: durationSchema,
          cache_miss: durationSchema,
        }),
        batch_stats: z.array(z.object({ batch_size: z.number().int(), compute_infer: durationSchema })),
      }),
    ),
  }),
)
export type V2Statistics = z.output<typeof v2StatisticsSchema>

/** Every error: one text, which names all problems. */
export const v2ErrorSchema = named('InferenceError', z.object({ error: z.string() }))

/** A version in a path: its number, or (ours) an alias. */
export const v2VersionSchema = z.union([countSchema(1), textSchema(100)])
