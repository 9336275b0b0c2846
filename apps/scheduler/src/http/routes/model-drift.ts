import { modelDriftSchema } from '@celeriac/contracts'
import { ScoreWatch } from '../../predict/score-watch.ts'
import { defineRoute, type Route } from '../route.ts'
import { modelDriftView } from '../views/model-drift-view.ts'
import { findModelVersion } from './models.ts'
import { modelVersionParams } from './path-params.ts'

export const modelDriftRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/models/{name}/versions/{version}/drift',
    operationId: 'getModelDrift',
    tag: 'models',
    summary: 'The scores a version gave in the last 24 hours beside those of its training rows.',
    description: [
      'Predictions of all protocols that this scheduler answered, since it started; the others count theirs. For all',
      'schedulers together ask Prometheus for `model_version:celeriac_predict_psi:increase24h`. Shadows and batch',
      'predictions are not counted.',
    ].join('\n'),
    access: 'viewer',
    params: modelVersionParams,
    answers: {
      200: { description: 'Both histograms, and how far they are apart', schema: modelDriftSchema },
    },
    errors: ['NOT_FOUND_MODEL'],
    // Where nothing is served, nothing was counted.
    async handle({ params }, { store, clock, scores = new ScoreWatch(clock) }) {
      const model = await findModelVersion(params, store)
      return { status: 200, body: modelDriftView(model, scores.of(model), clock.now()) }
    },
  }),
]
