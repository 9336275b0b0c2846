import type { JsonObject } from '@celeriac/core'
import { z } from 'zod'

/** What may flow through a port. A Model wired to a Table port stands for the table it was fitted on. */
export const portTypes = ['Table', 'Model', 'Transform', 'Report', 'Deployment'] as const
export type PortType = (typeof portTypes)[number]

export const algorithmCategories = [
  'read',
  'preprocess',
  'feature',
  'train',
  'predict',
  'evaluate',
  'deploy',
  'test',
] as const
export type AlgorithmCategory = (typeof algorithmCategories)[number]

const text = z.string().min(1)
const portName = z.string().regex(/^[a-z][a-z0-9_]*$/)
const portType = z.enum(portTypes)

const inputPort = z.strictObject({
  index: z.number().int().nonnegative(),
  name: portName,
  type: z.union([portType, z.array(portType).min(1)]).transform((type): readonly PortType[] => [type].flat()),
  required: z.boolean(),
  /** True: any number of edges may end here, in the order of `operator_rels`. */
  multiple: z.boolean().default(false),
  cn_name: text,
})

const outputPort = z.strictObject({
  index: z.number().int().nonnegative(),
  name: portName,
  type: portType,
  cn_name: text.optional(),
})

const paramSpec = z.looseObject({
  type: z.union([text, z.array(text).min(1)]),
  title: text,
  'x-cn-title': text,
  description: text,
})

const isNumberedFromZero = (ports: readonly { readonly index: number }[]): boolean =>
  ports.every((port, position) => port.index === position)
const numbering = { error: 'ports must be listed in order and numbered 0, 1, 2, …' }

/** The JSON file beside an algorithm's Python module. Its twin for Python is `algorithms/manifest.schema.json`. */
export const manifestSchema = z.strictObject({
  manifest_version: z.literal(1),
  algo_name: z.string().regex(/^algo_[a-z0-9]+(_[a-z0-9]+)*$/),
  cn_name: text,
  en_name: text,
  category: z.enum(algorithmCategories),
  cn_category: text,
  description: text,
  cn_description: text,
  executor: z.enum(['local', 'dc', 'predict']),
  deterministic: z.boolean(),
  /** Left out of listings unless all algorithms are asked for. */
  hidden: z.boolean().default(false),
  inputs: z.array(inputPort).refine(isNumberedFromZero, numbering),
  outputs: z.array(outputPort).refine(isNumberedFromZero, numbering),
  /** JSON Schema (draft 2020-12) of the parameters. */
  params: z.looseObject({
    type: z.literal('object'),
    additionalProperties: z.literal(false),
    properties: z.record(z.string().regex(/^[A-Za-z][A-Za-z0-9_]*$/), paramSpec),
    required: z.array(z.string()).optional(),
  }),
})

type ParsedManifest = z.output<typeof manifestSchema>
export type InputPort = Readonly<ParsedManifest['inputs'][number]>
export type OutputPort = Readonly<ParsedManifest['outputs'][number]>

/** JSON Schema of one parameter, with the extensions `x-columns`, `x-ui`, `x-rejected` and `x-cn-title`. */
export interface ParamSpec extends JsonObject {
  readonly type: string | readonly string[]
  readonly title: string
  readonly description: string
}

export interface ParamsSchema extends JsonObject {
  readonly type: 'object'
  readonly properties: Readonly<Record<string, ParamSpec>>
}

/** An algorithm as people and documents see it: ports and parameters. */
export interface AlgorithmManifest extends Omit<Readonly<ParsedManifest>, 'inputs' | 'outputs' | 'params'> {
  readonly inputs: readonly InputPort[]
  readonly outputs: readonly OutputPort[]
  readonly params: ParamsSchema
}
