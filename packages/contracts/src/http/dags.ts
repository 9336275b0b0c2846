import { z } from 'zod'
import { instantSchema, jsonObjectSchema, pageSchema, problemSchema, textSchema } from './common.ts'
import { named } from './schema-registry.ts'

/** A DAG document inside JSON, for clients that cannot send YAML. */
export const documentBodySchema = named(
  'DocumentBody',
  z.strictObject({
    source: z.string().min(1).describe('The document: YAML (or JSON) text.'),
    name: textSchema(200).optional().describe("Overrides the document's own name."),
  }),
)

const operatorIdSchema = z.string().min(1).max(200)

/**
 * The outline of a DAG document, for the OpenAPI document alone: what is wrong with a document is found by
 * `parseDagDocument`, with places and suggestions.
 */
export const dagDocumentSchema = named(
  'DagDocument',
  z.looseObject({
    name: textSchema(200).nullish().describe('Documents of one name are versions of one DAG.'),
    dag: z.looseObject({
      operator_list: z.array(operatorIdSchema).describe('All operators, each once.'),
      operator_rels: z
        .record(
          operatorIdSchema,
          z.array(
            z.object({
              target: operatorIdSchema,
              source_index: z.number().int().nonnegative().describe('Output port of the source.'),
              target_index: z.number().int().nonnegative().describe('Input port of the target.'),
            }),
          ),
        )
        .nullish()
        .describe('Who feeds whom: source → edges.'),
      operator_details: z
        .record(
          operatorIdSchema,
          z.looseObject({
            algo_name: z
              .string()
              .min(1)
              .optional()
              .describe('The algorithm; `GET /api/v1/algorithms` lists them. Required without `task`.'),
            params: jsonObjectSchema.optional().describe('Parameters of the algorithm.'),
            task: z
              .string()
              .min(1)
              .max(255)
              .optional()
              .describe('Name of a Celery task, in place of an algorithm.'),
            args: z.array(z.unknown()).optional().describe('Positional arguments of the task.'),
            kwargs: jsonObjectSchema.optional().describe('Keyword arguments of the task.'),
            queue: z.string().min(1).max(255).optional().describe('Queue of the task. Default: `celery`.'),
          }),
        )
        .describe('Describes exactly the operators of the list.'),
    }),
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
    algo_name: z.string().describe('Empty for a plain task.'),
    task: z
      .object({
        name: z.string(),
        args: z.array(z.unknown()),
        kwargs: jsonObjectSchema,
        queue: z.string().nullable().describe('Null: the queue of plain tasks, `celery`.'),
      })
      .nullable()
      .describe('The Celery task, when the operator is one.'),
    executor: z.string().describe('`celery` for a plain task.'),
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
    source: z.string().describe('The document as it was sent.'),
    document: jsonObjectSchema.describe('The document as data; keys that Celeriac does not know are kept.'),
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
