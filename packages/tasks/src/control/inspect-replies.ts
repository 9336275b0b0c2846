/** What workers answer to `inspect`. Celery adds fields from version to version: those that are not known are kept. */
import { z } from 'zod'

const deliveryInfoSchema = z.looseObject({
  exchange: z.string().nullish(),
  routing_key: z.string().nullish(),
  priority: z.number().nullish(),
  redelivered: z.boolean().nullish(),
})

/** A task that a worker holds. */
export const taskInfoSchema = z.looseObject({
  id: z.string(),
  name: z.string().nullish(),
  args: z.unknown().optional(),
  kwargs: z.unknown().optional(),
  type: z.string().nullish(),
  hostname: z.string().nullish(),
  /** Unix time in seconds; null: not started. */
  time_start: z.number().nullish(),
  acknowledged: z.boolean().nullish(),
  delivery_info: deliveryInfoSchema.nullish(),
  worker_pid: z.number().nullish(),
})
export type TaskInfo = z.output<typeof taskInfoSchema>

/** A task that waits for its time. */
export const scheduledTaskSchema = z.looseObject({
  eta: z.unknown().optional(),
  priority: z.number().nullish(),
  request: taskInfoSchema,
})
export type ScheduledTask = z.output<typeof scheduledTaskSchema>

export const queueInfoSchema = z.looseObject({
  name: z.string(),
  exchange: z.looseObject({ name: z.string().nullish(), type: z.string().nullish() }).nullish(),
  routing_key: z.string().nullish(),
  durable: z.boolean().nullish(),
})
export type QueueInfo = z.output<typeof queueInfoSchema>

export const workerStatsSchema = z.looseObject({
  /** Accepted since the start, by name of the task. */
  total: z.record(z.string(), z.number()).nullish(),
  pid: z.number().nullish(),
  clock: z.union([z.string(), z.number()]).nullish(),
  /** Seconds. */
  uptime: z.number().nullish(),
  pool: z.looseObject({ 'max-concurrency': z.number().nullish() }).nullish(),
  prefetch_count: z.number().nullish(),
  rusage: z.unknown().optional(),
})
export type WorkerStats = z.output<typeof workerStatsSchema>

/** `[state, task]` by id; the state is active, reserved or ready. */
export const queriedTasksSchema = z.record(z.string(), z.tuple([z.string(), taskInfoSchema]))
export type QueriedTasks = z.output<typeof queriedTasksSchema>

export const verdictSchema = z.union([
  z.object({ ok: z.unknown() }).transform(({ ok }) => ({ ok, error: null })),
  z.object({ error: z.unknown() }).transform(({ error }) => ({ ok: null, error: textOf(error) })),
])

/** What a worker says to a command: what it did, or why it did not. One of the two is null. */
export interface Verdict {
  readonly ok: unknown
  readonly error: string | null
}

const textOf = (error: unknown): string => (typeof error === 'string' ? error : JSON.stringify(error))
