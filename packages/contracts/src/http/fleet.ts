import { z } from 'zod'
import { flagSchema, instantSchema, jsonObjectSchema } from './common.ts'
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
  all: flagSchema.default(false).describe('True: also those that are meant for tests.'),
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
    checks: z.record(z.string(), z.string()).describe('Dependency → `ok`, or what is wrong with it.'),
  }),
)
