import { defaultPredictTimeoutS, predictTimeoutSchema, textSchema } from '@celeriac/contracts'
import type { HeaderSpec } from '../route.ts'

/** Headers of requests for predictions, the same in every protocol. */
export const predictHeaderSpec: HeaderSpec = {
  'X-Request-Timeout': {
    description: `Seconds after which the answer is 504. Default ${defaultPredictTimeoutS}, at most 60; of several given times the shortest counts.`,
    schema: predictTimeoutSchema,
  },
  'X-Sticky-Key': {
    description: 'Requests with the same key take the same side of a canary split. Default: by chance.',
    schema: textSchema(200),
  },
}
