import { operatorTaskStates, runStates } from '@celeriac/core'
import { z } from 'zod'
import { countSchema, instantSchema, jsonObjectSchema } from './common.ts'
import { named } from './schema-registry.ts'

export const reasonSchema = named(
  'Reason',
  z.object({
    code: z.string().describe('Stable, meant for programs; the guide lists them.'),
    message: z.string(),
    details: jsonObjectSchema.describe(
      'The names and numbers of the message; what they are depends on the code.',
    ),
  }),
)

const explanationFields = {
  summary: z.string().describe('The most important reason, as one sentence.'),
  reasons: z.array(reasonSchema).describe('Most important first.'),
  next: z.string().nullable().describe('What would move it on; null: nothing has to.'),
}

const operatorFields = {
  operator_id: z.string(),
  state: z.enum(operatorTaskStates),
  attempt: z.number().int().describe('Number of the current or last attempt; 0 before the first.'),
  ...explanationFields,
}

export const operatorExplanationSchema = named(
  'OperatorExplanation',
  z.object({ run_id: z.string(), as_of: instantSchema, ...operatorFields }),
)
export type OperatorExplanationView = z.output<typeof operatorExplanationSchema>

export const runExplanationSchema = named(
  'RunExplanation',
  z.object({
    run_id: z.string(),
    as_of: instantSchema,
    state: z.enum(runStates),
    ...explanationFields,
    operators: z
      .array(named('RunOperatorExplanation', z.object(operatorFields)))
      .describe(
        'Those that have not ended; of a finished run those that did not succeed. In the order of the document.',
      ),
    left_out: z.number().int().describe('Further ones, beyond `limit`.'),
  }),
)
export type RunExplanationView = z.output<typeof runExplanationSchema>

export const explainRunQuerySchema = z.strictObject({
  limit: countSchema(1, 1_000).default(100).describe('Operators that are explained, at most.'),
})
