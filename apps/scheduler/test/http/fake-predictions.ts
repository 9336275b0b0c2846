import type { GivenRow, ModelSignature, Prediction } from '@celeriac/contracts'
import type { ModelVersionRecord } from '@celeriac/core'
import type { PredictQuery, PredictService } from '../../src/predict/predict-service.ts'

export const aModelVersion = (given: Partial<ModelVersionRecord> = {}): ModelVersionRecord => ({
  name: 'model',
  version: 1,
  aliases: ['champion'],
  runId: 'run',
  operatorId: 'deploy',
  attempt: 1,
  uri: `file:///models/${given.name ?? 'model'}/${given.version ?? 1}`,
  deployment: { signature: signatureOf('age') as never },
  createdAt: 0,
  archivedAt: null,
  createdBy: null,
  ...given,
})

/** Of columns that are numbers and may be missing. */
export const signatureOf = (...names: string[]): ModelSignature => ({
  inputs: names.map((name) => ({ name, type: 'number', nullable: true })),
  outputs: [{ name: 'predict_result', type: 'number' }],
})

/** Answers for every model, without a registry. What was asked is kept in `asked`. */
export function fakePredictions(
  score: (row: GivenRow, query: PredictQuery) => Prediction = () => ({ predict_result: 1 }),
): PredictService & { readonly asked: PredictQuery[] } {
  const asked: PredictQuery[] = []
  return {
    asked,
    refuse: () => undefined,
    overload: () => null,
    describe: ({ name, version = 1 }) =>
      Promise.resolve({ model: aModelVersion({ name, version }), signature: signatureOf('age') }),
    predict: async (query) => {
      asked.push(query)
      return {
        model: aModelVersion({ name: query.name, version: query.version ?? 1 }),
        route: query.version === undefined && query.alias === undefined ? 'primary' : 'pinned',
        predictions: query.rows.map((row) => score(row, query)),
        timing: { queueMs: 0.5, computeMs: 0.25 },
      }
    },
  }
}
