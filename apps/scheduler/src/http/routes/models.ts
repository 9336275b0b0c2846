import { AppError, type JsonObject, type ModelVersionRecord } from '@celeriac/core'
import {
  modelPageSchema,
  modelQuerySchema,
  modelSchema,
  pageQuerySchema,
  predictBodySchema,
  predictionSchema,
} from '@celeriac/contracts'
import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import type { ApiDeps } from '../api-deps.ts'
import { jsonBody } from '../body-readers.ts'
import { fieldProblem, invalidInput } from '../check-input.ts'
import { defineRoute, type Route } from '../route.ts'
import { given, pageView } from '../views/page-view.ts'
import { modelView } from '../views/record-views.ts'
import { pathText } from './path-text.ts'

const modelParams = z.object({ name: pathText })
const defaultTimeoutS = 5
const timeoutSchema = z.coerce.number().min(0.001).max(60)

export const modelRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/models',
    operationId: 'listModels',
    tag: 'models',
    summary: 'Lists model versions, newest first.',
    access: 'token',
    query: pageQuerySchema.extend({ name: z.string().min(1).max(200).optional() }),
    answers: { 200: { description: 'A page of model versions', schema: modelPageSchema } },
    errors: [],
    async handle({ query }, { store }) {
      return { status: 200, body: pageView(await store.listModelVersions(given(query)), modelView) }
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/models/{name}',
    operationId: 'getModel',
    tag: 'models',
    summary: 'A model version: by number, by alias, or the newest.',
    access: 'token',
    params: modelParams,
    query: modelQuerySchema,
    answers: { 200: { description: 'The model version', schema: modelSchema } },
    errors: ['NOT_FOUND_MODEL'],
    async handle({ params, query }, deps) {
      return { status: 200, body: modelView(await findModel(params.name, query, deps)) }
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/models/{name}/predict',
    operationId: 'predict',
    tag: 'models',
    summary: 'Scores rows with a model version, synchronously.',
    access: 'token',
    params: modelParams,
    query: modelQuerySchema,
    headers: {
      'X-Request-Timeout': {
        description: `Seconds after which the answer is 504. Default ${defaultTimeoutS}, at most 60.`,
        schema: timeoutSchema,
      },
    },
    body: jsonBody(predictBodySchema),
    answers: { 200: { description: 'One prediction per row, in order', schema: predictionSchema } },
    errors: ['NOT_FOUND_MODEL', 'VALIDATION_ROW_INVALID', 'PREDICT_DEADLINE', 'PREDICT_SHED'],
    async handle({ params, query, body, headers }, deps) {
      // The deadline counts from the request's arrival: finding the model is part of the caller's wait.
      const deadlineAt = deps.clock.now() + timeoutMsOf(headers)
      const model = await findModel(params.name, query, deps)
      if (deps.predict === undefined)
        throw new AppError('PREDICT_SHED', 'nothing serves predictions in this installation')
      const predictions = await deps.predict({
        model,
        rows: body.rows as readonly JsonObject[],
        columns: body.columns ?? null,
        deadlineAt,
      })
      const { name, version, alias } = model
      return { status: 200, body: { model: { name, version, alias }, predictions } }
    },
  }),
]

async function findModel(
  name: string,
  query: { readonly version?: number | undefined; readonly alias?: string | undefined },
  { store }: ApiDeps,
): Promise<ModelVersionRecord> {
  const { version, alias } = query
  const model = await store.findModelVersion({
    name,
    ...(version === undefined ? {} : { version }),
    ...(alias === undefined ? {} : { alias }),
  })
  if (model !== null) return model
  throw new AppError('NOT_FOUND_MODEL', 'there is no such model or model version', {
    details: { name, version: version ?? null, alias: alias ?? null },
  })
}

function timeoutMsOf(headers: IncomingHttpHeaders): number {
  const timeout = timeoutSchema.safeParse(headers['x-request-timeout'] ?? defaultTimeoutS)
  if (timeout.success) return timeout.data * 1_000
  throw invalidInput('the header X-Request-Timeout is not valid', [
    fieldProblem('headers.X-Request-Timeout', 'seconds are expected, from 0.001 to 60'),
  ])
}
