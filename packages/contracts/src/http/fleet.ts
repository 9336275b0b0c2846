import { z } from 'zod'
import { instantSchema, jsonObjectSchema, pageSchema } from './common.ts'
import { named } from './schema-registry.ts'

/** A manifest, as the algorithm's JSON file says it; see the operators package for its own schema. */
export const algorithmSchema = named(
  'Algorithm',
  z.looseObject({
    algo_name: z.string(),
    cn_name: z.string(),
    en_name: z.string(),
    category: z.string(),
    executor: z.string(),
    params: jsonObjectSchema,
  }),
)
export const algorithmListSchema = named('AlgorithmList', z.object({ items: z.array(algorithmSchema) }))
export const algorithmsQuerySchema = z.strictObject({
  /** True: also those that are meant for tests. */
  all: z.stringbool().default(false),
})

export const workerSchema = named(
  'Worker',
  z.object({
    name: z.string(),
    alive: z.boolean(),
    pid: z.number().int().nullable(),
    queues: z.array(z.string()),
    concurrency: z.number().int().nullable(),
    active: z.number().int().nullable(),
    processed: z.number().int().nullable(),
    software: z.string().nullable(),
    last_seen_at: instantSchema,
  }),
)
export type WorkerView = z.output<typeof workerSchema>
export const workerListSchema = named('WorkerList', z.object({ items: z.array(workerSchema) }))

export const queueListSchema = named(
  'QueueList',
  z.object({
    items: z.array(z.object({ queue: z.string(), messages: z.number().int(), consumers: z.number().int() })),
  }),
)

export const healthSchema = named('Health', z.object({ status: z.literal('ok'), version: z.string() }))
export const readinessSchema = named(
  'Readiness',
  z.object({
    ready: z.boolean(),
    /** Dependency → `ok`, or what is wrong with it. */
    checks: z.record(z.string(), z.string()),
  }),
)

export const modelSchema = named(
  'ModelVersion',
  z.object({
    name: z.string(),
    version: z.number().int(),
    alias: z.string().nullable(),
    run_id: z.string(),
    operator_id: z.string(),
    attempt: z.number().int(),
    uri: z.string(),
    metrics: z.record(z.string(), z.unknown()),
    signature: z.unknown(),
    deployment: jsonObjectSchema,
    created_at: instantSchema,
  }),
)
export type ModelView = z.output<typeof modelSchema>
export const modelPageSchema = pageSchema('ModelPage', modelSchema)

/** Query of a model: by version, by alias, or (neither) the newest. */
export const modelQuerySchema = z
  .strictObject({
    version: z.coerce.number().int().positive().optional(),
    alias: z.string().min(1).max(100).optional(),
  })
  .refine((query) => query.version === undefined || query.alias === undefined, {
    message: 'give a version or an alias, not both',
  })

const cell = z.union([z.string(), z.number(), z.boolean(), z.null()])

export const maxPredictRows = 1_000
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
    })
    .refine((body) => body.columns !== undefined || body.rows.every((row) => !Array.isArray(row)), {
      message: 'rows that are lists need columns',
      path: ['columns'],
    }),
)
export type PredictBody = z.output<typeof predictBodySchema>

export const predictionSchema = named(
  'Predictions',
  z.object({
    model: z.object({ name: z.string(), version: z.number().int(), alias: z.string().nullable() }),
    /** One per row, same order: `predict_result`, and for classifiers `predict_probability` and `probabilities`. */
    predictions: z.array(jsonObjectSchema),
  }),
)
export type PredictionsView = z.output<typeof predictionSchema>
