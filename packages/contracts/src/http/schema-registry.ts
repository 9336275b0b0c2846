import { z } from 'zod'

/** Every schema of the HTTP interface that has a name; the OpenAPI document prints them as components. */
export const httpSchemas = z.registry<{ id: string }>()
/** The same by name. */
export const namedSchemas = new Map<string, z.ZodType>()

/** Gives a schema its name in the OpenAPI document. Names are contracts: generated clients use them. */
export function named<S extends z.ZodType>(id: string, schema: S): S {
  httpSchemas.add(schema, { id })
  namedSchemas.set(id, schema)
  return schema
}
