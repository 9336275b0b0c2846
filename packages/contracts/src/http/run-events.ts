import { finalRunStates } from '@celeriac/core'
import { z } from 'zod'
import { operatorTaskSchema, runSchema, runSummarySchema } from './runs.ts'
import { named } from './schema-registry.ts'

/** The part of a run that changes while it is worked on. */
export const runChangeSchema = named(
  'RunChange',
  runSummarySchema.pick({ id: true, state: true, version: true, started_at: true, finished_at: true }),
)
export type RunChangeView = z.output<typeof runChangeSchema>

/**
 * The part of an operator task that changes while it is worked on, as it is now: it replaces the fields of the same name.
 * Tracebacks, outputs and earlier attempts are in the run itself.
 */
export const operatorChangeSchema = named(
  'OperatorChange',
  operatorTaskSchema
    .pick({
      id: true,
      state: true,
      attempt: true,
      worker: true,
      ready_at: true,
      started_at: true,
      finished_at: true,
      retry_at: true,
      progress: true,
      metrics: true,
      skipped: true,
    })
    .extend({
      error: z.object({ code: z.string(), message: z.string(), exc_type: z.string().nullable() }).nullable(),
    }),
)
export type OperatorChangeView = z.output<typeof operatorChangeSchema>

export const runEndSchema = named(
  'RunEnd',
  z.object({ id: z.string(), state: z.enum(finalRunStates), version: z.number().int() }),
)

/** Kinds of events, with what their data holds. */
export const runEventData = {
  snapshot: runSchema,
  run: runChangeSchema,
  operator: operatorChangeSchema,
  end: runEndSchema,
} as const

const eventOf = <const N extends string, S extends z.ZodType>(event: N, data: S) =>
  z.object({
    event: z.literal(event),
    /** `<version of the run>-<number>`, the last one `<version>-end`; send it back as `Last-Event-ID`. */
    id: z.string(),
    data,
  })

/**
 * An event of the stream of a run. The first is always `snapshot`; `end` is the last one, sent when the run is final.
 * A reader that is slow is told the latest state of each operator, not every state in between.
 */
export const runEventSchema = z.discriminatedUnion('event', [
  eventOf('snapshot', runEventData.snapshot),
  eventOf('run', runEventData.run),
  eventOf('operator', runEventData.operator),
  eventOf('end', runEventData.end),
])
export type RunEventView = z.output<typeof runEventSchema>
