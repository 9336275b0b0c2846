import { z } from 'zod'
import { instantSchema } from './common.ts'
import { named } from './schema-registry.ts'

const shareOfScores = z.number().min(0).max(1)

export const modelDriftSchema = named(
  'ModelDrift',
  z.object({
    name: z.string(),
    version: z.number().int(),
    verdict: z
      .enum(['stable', 'moderate', 'shifted', 'unknown'])
      .describe('By the PSI: `stable` below 0.1, `moderate` below 0.25, `shifted` from there on.'),
    reason: z
      .enum(['no_reference', 'too_few_scores', 'not_watched'])
      .nullable()
      .describe(
        'Why the verdict is `unknown`: the version was deployed without a score histogram; fewer scores than `least_scores`; or more than 100 versions are served. Else null.',
      ),
    psi: z.number().nullable().describe('Population stability index, 0 when both histograms are equal.'),
    score: z
      .string()
      .nullable()
      .describe(
        'Key of the predictions that is looked at: `predict_probability`, `predict_result`, `cluster`.',
      ),
    scores: z.number().int().describe('Predictions of the window, one for each row.'),
    least_scores: z.number().int().describe('With fewer there is no PSI: 50 for each bin.'),
    window_seconds: z.number().int(),
    expected_rows: z.number().int().nullable().describe('Training rows that `expected` was counted on.'),
    bins: z
      .array(
        z.object({
          from: z.number().describe('Included. The first bin also holds what is below.'),
          to: z.number().describe('Not included. The last bin also holds what is from here on.'),
          expected: shareOfScores.describe('Share of the training rows.'),
          served: shareOfScores.nullable().describe('Share of the scores; null while there are none.'),
          count: z.number().int().describe('Scores of the window.'),
        }),
      )
      .describe('In ascending order; empty without a reference.'),
    at: instantSchema,
  }),
)
export type ModelDriftView = z.output<typeof modelDriftSchema>
