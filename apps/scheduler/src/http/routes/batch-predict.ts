import { batchPredictBodySchema } from '@celeriac/contracts'
import { nameOf } from '../../accounts/caller.ts'
import { submitBatchPredict } from '../../training/batch-predict.ts'
import { jsonBody } from '../body-readers.ts'
import { defineRoute, type Route } from '../route.ts'
import { idempotencyHeader, idempotencyKeyOf } from './idempotency-key.ts'
import { modelParams } from './path-params.ts'
import { accepted, submittedTask } from './train.ts'

export const batchPredictRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/models/{name}/batch-predict',
    operationId: 'batchPredict',
    tag: 'tasks',
    summary:
      'Scores a data set with a model version, as a run; the result is a table that can be downloaded.',
    description: [
      'The version is found now and does not change any more, whatever becomes of aliases. The result is output 0 of the',
      'operator `predict`: the columns that are kept, and the predictions beside them, one row per row of the data set.',
    ].join('\n'),
    access: 'editor',
    audit: { action: 'run.submit', target: (_params, { run_id: id }) => id },
    params: modelParams,
    headers: idempotencyHeader,
    body: jsonBody(batchPredictBodySchema),
    answers: { 202: submittedTask },
    errors: [
      'NOT_FOUND_MODEL',
      'CONFLICT_MODEL_ARCHIVED',
      'VALIDATION_TRAINING_INVALID',
      'VALIDATION_DATASET_MISSING',
      'CONFLICT_DAG_SETTINGS',
      'CONFLICT_IDEMPOTENCY_KEY',
      'LIMIT_OPEN_RUNS',
    ],
    takesWork: true,
    async handle({ params, body, headers, caller }, deps) {
      const requester = { idempotencyKey: idempotencyKeyOf(headers), submittedBy: nameOf(caller) }
      return accepted(await submitBatchPredict({ modelName: params.name, body, ...requester }, deps))
    },
  }),
]
