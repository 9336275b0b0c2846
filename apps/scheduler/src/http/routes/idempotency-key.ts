import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import { fieldProblem, invalidInput } from '../check-input.ts'
import type { HeaderSpec } from '../route.ts'

const idempotencyKeySchema = z.string().regex(/^[\x21-\x7e]{1,200}$/)

export const idempotencyHeader: HeaderSpec = {
  'Idempotency-Key': {
    description:
      'Makes a retry safe: the same key with the same request answers with the run that it made first.',
    schema: idempotencyKeySchema,
  },
}

/** Throws VALIDATION_BODY_INVALID. */
export function idempotencyKeyOf(headers: IncomingHttpHeaders): string | null {
  const given = headers['idempotency-key']
  if (given === undefined) return null
  const key = idempotencyKeySchema.safeParse(given)
  if (key.success) return key.data
  throw invalidInput('the header Idempotency-Key is not valid', [
    fieldProblem('headers.Idempotency-Key', '1 to 200 visible ASCII characters are expected'),
  ])
}
