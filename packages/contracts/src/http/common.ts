import { z } from 'zod'
import { named } from './schema-registry.ts'

/** A moment in ISO 8601, UTC, milliseconds. */
export const instantSchema = z.iso.datetime()

/** Any JSON object. Left open on purpose: parameters, metrics charts and sidecars belong to the algorithms. */
export const jsonObjectSchema = z.record(z.string(), z.unknown())

export const maxPageSize = 200
export const defaultPageSize = 50

/** Query of every list: newest first, `cursor` is the `next_cursor` of the page before. */
export const pageQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(maxPageSize).default(defaultPageSize),
  cursor: z.string().min(1).max(500).optional(),
})

/** A page of a list. `next_cursor` is null on the last page. */
export const pageSchema = <S extends z.ZodType>(id: string, item: S) =>
  named(id, z.object({ items: z.array(item), next_cursor: z.string().nullable() }))

/** One problem of a DAG document, a body field or a data set line. Which of the places are known depends on the kind. */
export const problemSchema = named(
  'Problem',
  z.object({
    code: z.string(),
    severity: z.enum(['error', 'warning']),
    message: z.string(),
    line: z.number().int().nullable(),
    column: z.number().int().nullable(),
    path: z.string(),
    suggestion: z.string().nullable(),
  }),
)
export type ProblemView = z.output<typeof problemSchema>

/** RFC 9457 problem details: the body of every answer with a status of 400 or more. */
export const problemDetailsSchema = named(
  'ProblemDetails',
  z.object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    /** An error code of the platform's table; stable, meant for programs. */
    code: z.string(),
    /** Urn of the request: also in the server's log and in the header `x-request-id`. */
    instance: z.string(),
    problems: z.array(problemSchema).optional(),
    details: jsonObjectSchema.optional(),
  }),
)
export type ProblemDetails = z.output<typeof problemDetailsSchema>
