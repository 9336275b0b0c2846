import { z } from 'zod'
import { instantSchema, jsonObjectSchema, pageSchema, problemSchema } from './common.ts'
import { named } from './schema-registry.ts'

/** A DAG document inside JSON, for clients that cannot send YAML. */
export const documentBodySchema = named(
  'DocumentBody',
  z.strictObject({
    /** The document: YAML (or JSON) text. */
    source: z.string().min(1),
    /** Overrides the document's own name. */
    name: z.string().min(1).max(200).optional(),
  }),
)

const dagFields = {
  id: z.string(),
  name: z.string(),
  version: z.number().int(),
  content_hash: z.string(),
  created_at: instantSchema,
}

export const dagSummarySchema = named('DagSummary', z.object(dagFields))
export type DagSummaryView = z.output<typeof dagSummarySchema>
export const dagPageSchema = pageSchema('DagPage', dagSummarySchema)

/** An operator of a DAG version as the engine will run it: defaults filled in, executor chosen. */
export const dagOperatorSchema = named(
  'DagOperator',
  z.object({
    id: z.string(),
    algo_name: z.string(),
    executor: z.string(),
    params: jsonObjectSchema,
    upstream: z.array(z.string()),
    trigger_rule: z.string(),
    retries: z.number().int(),
    timeout_s: z.number().nullable(),
  }),
)

export const dagSchema = named(
  'Dag',
  z.object({
    ...dagFields,
    /** The document as it was sent. */
    source: z.string(),
    /** The document as data; keys that Celeriac does not know are kept. */
    document: jsonObjectSchema,
    operators: z.array(dagOperatorSchema),
  }),
)
export type DagView = z.output<typeof dagSchema>

/** Answer to a registration. `is_new` is false when the same content was registered before under this name. */
export const registeredDagSchema = named(
  'RegisteredDag',
  z.object({
    ...dagFields,
    is_new: z.boolean(),
    operator_count: z.number().int(),
    warnings: z.array(problemSchema),
  }),
)
export type RegisteredDagView = z.output<typeof registeredDagSchema>

/** Verdict over a document that was only checked. Always 200: that the document has problems is the answer. */
export const validationSchema = named(
  'Validation',
  z.object({
    valid: z.boolean(),
    name: z.string().nullable(),
    operator_count: z.number().int(),
    problems: z.array(problemSchema),
  }),
)
export type ValidationView = z.output<typeof validationSchema>
