import {
  irisPredictBodySchema,
  irisPredictionSchema,
  irisTrainBodySchema,
  irisTrainingSchema,
  irisTrainQuerySchema,
  irisTrainStartedSchema,
} from '@celeriac/contracts'
import { isAppError } from '@celeriac/core'
import { z } from 'zod'
import { nameOf } from '../../accounts/caller.ts'
import { articlesForm } from '../../iris/articles-form.ts'
import { irisTrainingView } from '../../iris/iris-training-view.ts'
import { irisModel, startIrisTraining } from '../../iris/iris-training.ts'
import type { PredictAnswer, PredictQuery } from '../../predict/predict-service.ts'
import { runNotFound } from '../../submission/change-run.ts'
import type { ApiDeps } from '../api-deps.ts'
import { jsonBody } from '../body-readers.ts'
import { defineRoute, type Route, type RouteAnswer } from '../route.ts'
import { requireRunId } from './operator-task.ts'
import { predictHeaders, predictionsOf, timeoutSOf } from './predict.ts'

const form = { tag: 'articles', errorForm: articlesForm } as const

/** What such a route answers with `CELERIAC_COMPAT_DOUBLE_JSON` off, and on. */
const perhapsDouble = <S extends z.ZodType>(schema: S) =>
  z.union([schema, z.string().describe('With `CELERIAC_COMPAT_DOUBLE_JSON`: the same as JSON text.')])

const answerOf = (status: number, body: unknown, deps: ApiDeps): RouteAnswer => ({
  status,
  body,
  isDoubleJson: deps.isArticlesJsonDouble === true,
})

export const irisModelRoutes: readonly Route[] = [
  defineRoute({
    ...form,
    method: 'post',
    path: '/api/train',
    operationId: 'trainIris',
    summary: 'Clusters the rows of the iris table as they are now, in the background.',
    description:
      'The training is a run like any other: its id is the id of the task. When it succeeds, its model is the one that `POST /api/predict` asks.',
    access: 'editor',
    audit: { action: 'iris.train', target: (_params, answer) => answer['train_task_id'] },
    body: jsonBody(irisTrainBodySchema),
    answers: {
      201: { description: 'The training was accepted', schema: perhapsDouble(irisTrainStartedSchema) },
    },
    errors: ['CONFLICT_DAG_SETTINGS', 'LIMIT_OPEN_RUNS'],
    takesWork: true,
    async handle({ body, caller }, deps) {
      const training = { clusters: body.cluster_number, submittedBy: nameOf(caller) }
      return answerOf(201, { train_task_id: await startIrisTraining(training, deps) }, deps)
    },
  }),
  defineRoute({
    ...form,
    method: 'get',
    path: '/api/train',
    operationId: 'getIrisTraining',
    summary: 'How a training stands; with its rows and their clusters when it has succeeded.',
    access: 'viewer',
    query: irisTrainQuerySchema,
    answers: { 200: { description: 'The training', schema: perhapsDouble(irisTrainingSchema) } },
    errors: ['NOT_FOUND_RUN', 'NOT_FOUND_OUTPUT'],
    async handle({ query: { train_task_id: id } }, deps) {
      requireRunId(id)
      const run = await deps.store.findRun(id)
      if (run === null) throw runNotFound(id)
      return answerOf(200, await irisTrainingView(run, deps.artifacts), deps)
    },
  }),
  defineRoute({
    ...form,
    method: 'post',
    path: '/api/predict',
    operationId: 'predictIris',
    summary: 'The cluster of a flower, by the model that was trained last.',
    description: 'With `CELERIAC_COMPAT_DOUBLE_JSON` the status is 201, as it was in the articles.',
    access: 'viewer',
    body: jsonBody(irisPredictBodySchema),
    answers: {
      200: { description: 'The cluster', schema: irisPredictionSchema },
      201: {
        description: 'The cluster, with `CELERIAC_COMPAT_DOUBLE_JSON`: JSON text inside of a JSON text',
        schema: z.string(),
      },
    },
    errors: ['VALIDATION_ROW_INVALID', 'CONFLICT_MODEL_ARCHIVED', 'PREDICT_DEADLINE', 'PREDICT_SHED'],
    isDirect: true,
    overload: (_given, { predictions }) => predictions?.overload(irisModel) ?? null,
    refuse: ({ headers }, { predictions }) => predictions?.refuse(irisModel, timeoutSOf(headers) * 1_000),
    async handle({ body, headers, signal }, deps) {
      const startedAt = deps.clock.now()
      const deadlineAt = startedAt + timeoutSOf(headers) * 1_000
      const answer = await ask({ name: irisModel, rows: [body], columns: null, deadlineAt, signal }, deps)
      const cluster = answer?.predictions[0]?.['cluster']
      return {
        ...answerOf(
          deps.isArticlesJsonDouble === true ? 201 : 200,
          { predicted_cluster: Number.isInteger(cluster) ? cluster : null },
          deps,
        ),
        ...(answer === null ? {} : { headers: predictHeaders(answer, deps.clock.now() - startedAt) }),
      }
    },
  }),
]

/** Null: nothing was trained yet. */
async function ask(query: PredictQuery, deps: ApiDeps): Promise<PredictAnswer | null> {
  try {
    return await predictionsOf(deps).predict(query)
  } catch (error) {
    if (isAppError(error) && error.code === 'NOT_FOUND_MODEL') return null
    throw error
  }
}
