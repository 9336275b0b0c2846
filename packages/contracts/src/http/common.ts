import { z } from 'zod'
import { named } from './schema-registry.ts'

/** A moment in ISO 8601, UTC, milliseconds. */
export const instantSchema = z.iso.datetime()

/** Any JSON object. Left open on purpose: parameters, metrics charts and sidecars belong to the algorithms. */
export const jsonObjectSchema = z.record(z.string(), z.unknown())

/**
 * One line of text: no control characters. They have no place in any name, and would upset the database (NUL) or a
 * terminal. The pattern is written for every dialect of regular expressions.
 */
export const textSchema = (maxLength: number) =>
  z
    .string()
    .min(1)
    .max(maxLength)
    // oxlint-disable-next-line no-control-regex
    .regex(/^[^\u0000-\u001f\u007f-\u009f]+$/, { message: 'control characters are not allowed' })

/** A switch in a query. Any case is accepted: Python writes `True`. */
export const flagSchema = z
  .stringbool({ truthy: ['true', '1'], falsy: ['false', '0'] })
  .meta({ enum: ['true', 'false', '1', '0'] })

/** A whole number in a query or path. PostgreSQL's integers end here too. */
export const countSchema = (least: number, most = 2_147_483_647) =>
  z.coerce.number().int().min(least).max(most)

export const maxPageSize = 200
export const defaultPageSize = 50

/** Query of every list: newest first, `cursor` is the `next_cursor` of the page before. */
export const pageQuerySchema = z.strictObject({
  limit: countSchema(1, maxPageSize).default(defaultPageSize).describe('Items of a page.'),
  cursor: textSchema(500)
    .optional()
    .describe('`next_cursor` of the page before; left out for the first page.'),
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
    code: z.string().describe("An error code of the platform's table; stable, meant for programs."),
    instance: z
      .string()
      .describe("Urn of the request: also in the server's log and in the header `x-request-id`."),
    problems: z.array(problemSchema).optional(),
    details: jsonObjectSchema.optional(),
  }),
)
export type ProblemDetails = z.output<typeof problemDetailsSchema>
