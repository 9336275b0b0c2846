import { z } from 'zod'

/**
 * `scorer.json` of a deployment, as `celeriac.artifacts.scorers` writes it: a model and the transforms in front of it as
 * plain numbers. The meaning of steps and models is told there (`scorer_steps.py`, `scorer_models.py`).
 */

const register = z.number().int().nonnegative()
/** Far more than columns of a table; a damaged file must not allocate all memory. */
const registerCount = register.max(1_000_000)
const label = z.union([z.string(), z.number(), z.boolean()])

const stepSchema = z.discriminatedUnion('op', [
  z.object({ op: z.literal('blank_number'), at: register, tokens: z.array(z.number()) }),
  z.object({ op: z.literal('blank_text'), at: register, tokens: z.array(z.string()), spaces: z.boolean() }),
  z.object({ op: z.literal('mark_number'), at: register, to: register }),
  z.object({ op: z.literal('mark_text'), at: register, to: register }),
  z.object({ op: z.literal('fill_number'), at: register, value: z.number() }),
  z.object({ op: z.literal('fill_text'), at: register, value: z.string() }),
  z.object({
    op: z.literal('encode_number'),
    at: register,
    to: register,
    column: z.string(),
    values: z.array(z.number()),
    unknown: z.number().nullable(),
  }),
  z.object({
    op: z.literal('encode_text'),
    at: register,
    to: register,
    column: z.string(),
    values: z.array(z.string()),
    unknown: z.number().nullable(),
  }),
  z.object({ op: z.literal('standardize'), at: register, to: register, mean: z.number(), scale: z.number() }),
])
export type RowStep = z.output<typeof stepSchema>

/** A long array as base64 of little-endian `f8`: JSON of millions of numbers would hold up the event loop. */
const doubles = z
  .string()
  .transform((text) => new Float64Array(bytesOf(text, Float64Array.BYTES_PER_ELEMENT)))
/** The same for `i4`. */
const integers = z.string().transform((text) => new Int32Array(bytesOf(text, Int32Array.BYTES_PER_ELEMENT)))

const treesSchema = z.object({
  count: z.number().int().positive(),
  roots: integers,
  feature: integers,
  threshold: doubles,
  left: integers,
  right: integers,
  values: doubles,
})
export type PackedTrees = z.output<typeof treesSchema>

export const links = [
  'identity',
  'logistic',
  'half_logistic',
  'softmax',
  'softmax_of_two',
  'one_vs_rest',
] as const
export type LinkName = (typeof links)[number]

const outputs = z.number().int().positive()
/** By hand: a linear model of many classes has a million of them. */
const numbers = z.custom<readonly number[]>(
  (value) => Array.isArray(value) && value.every((each) => Number.isFinite(each)),
  { error: 'a list of numbers is expected' },
)
const modelSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('linear'),
    link: z.enum(links),
    outputs,
    coefficients: numbers,
    intercepts: numbers,
  }),
  z.object({ kind: z.literal('boosted'), link: z.enum(links), outputs, base: numbers, trees: treesSchema }),
  z.object({ kind: z.literal('averaged'), outputs, trees: treesSchema }),
  z.object({ kind: z.literal('kmeans'), outputs, centres: numbers }),
])
export type ModelNumbers = z.output<typeof modelSchema>
export type NumbersOf<Kind extends ModelNumbers['kind']> = Extract<ModelNumbers, { kind: Kind }>

export const scorerFileSchema = z.object({
  format: z.literal(1),
  inputs: z.array(z.object({ name: z.string(), type: z.enum(['number', 'string', 'boolean']) })),
  registers: z.object({ numbers: registerCount, texts: registerCount }),
  loads: z.array(register),
  steps: z.array(stepSchema),
  features: z.array(register).min(1),
  feature_names: z.array(z.string()),
  model: modelSchema,
  answer: z.enum(['classification', 'clustering', 'regression']),
  labels: z.array(z.object({ value: label, text: z.string() })),
  positive: register.nullable(),
})
export type ScorerFile = z.output<typeof scorerFileSchema>

function bytesOf(text: string, elementBytes: number): ArrayBuffer {
  const bytes = Buffer.from(text, 'base64')
  // A copy: small buffers lie anywhere within a shared one, and typed arrays need them aligned.
  const end = bytes.length - (bytes.length % elementBytes)
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + end) as ArrayBuffer
}
