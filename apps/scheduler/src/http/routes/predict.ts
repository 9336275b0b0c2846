import { AppError, leadingAlias } from '@celeriac/core'
import {
  defaultPredictTimeoutS,
  isPlainPredictBody,
  predictBodySchema,
  predictionSchema,
  predictQuerySchema,
  predictTimeoutSchema,
  textSchema,
} from '@celeriac/contracts'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { PredictAnswer } from '../../predict/predict-service.ts'
import type { ApiDeps } from '../api-deps.ts'
import { jsonBody } from '../body-readers.ts'
import { fieldProblem, invalidInput } from '../check-input.ts'
import { defineRoute, type GivenUrl, type Route } from '../route.ts'
import { modelParams } from './path-params.ts'

const stickyKeySchema = textSchema(200)

export const predictRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/models/{name}/predict',
    operationId: 'predict',
    tag: 'models',
    summary: 'Scores rows with a model version, synchronously.',
    description: [
      'Without a version or an alias the model’s route decides: its champion (else its newest version), or the canary',
      'for its share of the requests. The answer says which one it was, also in the headers `x-model-version` and',
      '`x-route`; `Server-Timing` holds the milliseconds spent waiting (`queue`), scoring (`compute`) and in all (`total`).',
    ].join('\n'),
    access: 'viewer',
    isDirect: true,
    params: modelParams,
    query: predictQuerySchema,
    headers: {
      'X-Request-Timeout': {
        description: `Seconds after which the answer is 504. Default ${defaultPredictTimeoutS}, at most 60.`,
        schema: predictTimeoutSchema,
      },
      'X-Sticky-Key': {
        description: 'Requests with the same key take the same side of a canary split. Default: by chance.',
        schema: stickyKeySchema,
      },
    },
    body: jsonBody(predictBodySchema, { fits: isPlainPredictBody }),
    answers: { 200: { description: 'One prediction per row, in order', schema: predictionSchema } },
    errors: [
      'NOT_FOUND_MODEL',
      'CONFLICT_MODEL_ARCHIVED',
      'TASK_ARTIFACT_NOT_FOUND',
      'VALIDATION_ROW_INVALID',
      'PREDICT_DEADLINE',
      'PREDICT_SHED',
    ],
    overload: modelOverload,
    refuse: ({ params: { name }, headers }, { predictions }) =>
      predictions?.refuse(name, timeoutSOf(headers) * 1_000),
    async handle({ params: { name }, query, body, headers, request }, deps) {
      // The deadline counts from the request's arrival: finding the model is part of the caller's wait.
      const startedAt = deps.clock.now()
      const { version, alias } = query
      const stickyKey = stickyKeyOf(headers)
      const timeoutS = Math.min(timeoutSOf(headers), query.timeout ?? Infinity, body.timeout ?? Infinity)
      const answer = await predictionsOf(deps).predict({
        name,
        rows: body.rows,
        columns: body.columns ?? null,
        deadlineAt: startedAt + timeoutS * 1_000,
        signal: gone(request),
        ...(version === undefined ? {} : { version }),
        ...(alias === undefined ? {} : { alias }),
        ...(stickyKey === undefined ? {} : { stickyKey }),
      })
      const { model, route, predictions } = answer
      return {
        status: 200,
        headers: predictHeaders(answer, deps.clock.now() - startedAt),
        body: {
          model: { name: model.name, version: model.version, alias: leadingAlias(model.aliases) },
          route,
          predictions,
        },
      }
    },
  }),
]

/** For routes with the name of a model. */
export function modelOverload({ params: { name } }: GivenUrl, { predictions }: ApiDeps): AppError | null {
  return predictions?.overload(String(name)) ?? null
}

/** Whether the caller has gone. Asked now and then; an AbortSignal for every request would cost more than it saves. */
export const gone = ({ socket }: IncomingMessage): { readonly aborted: boolean } => ({
  get aborted() {
    return socket.destroyed
  },
})

/** Throws PREDICT_SHED where nothing serves predictions. */
export function predictionsOf({ predictions }: ApiDeps): NonNullable<ApiDeps['predictions']> {
  if (predictions !== undefined) return predictions
  throw new AppError('PREDICT_SHED', 'nothing serves predictions in this installation')
}

/** Headers of an answer, the same in every protocol. `totalMs` is the time since the request arrived. */
export const predictHeaders = (
  { model, route, timing }: Pick<PredictAnswer, 'model' | 'route' | 'timing'>,
  totalMs: number,
): Readonly<Record<string, string>> => ({
  'x-model-version': String(model.version),
  'x-route': route,
  'server-timing': `queue;dur=${ms(timing.queueMs)}, compute;dur=${ms(timing.computeMs)}, total;dur=${ms(totalMs)}`,
})

const ms = (duration: number): number => Math.max(0, Math.round(duration * 1_000) / 1_000)

/** The header `X-Request-Timeout` in seconds, or the default. Throws VALIDATION_BODY_INVALID. */
export function timeoutSOf(headers: IncomingHttpHeaders): number {
  const given = headers['x-request-timeout']
  if (given === undefined) return defaultPredictTimeoutS
  const timeout = predictTimeoutSchema.safeParse(given)
  if (timeout.success) return timeout.data
  throw invalidInput('the header X-Request-Timeout is not valid', [
    fieldProblem('headers.X-Request-Timeout', 'seconds are expected, from 0.001 to 60'),
  ])
}

/** The header `X-Sticky-Key`. Throws VALIDATION_BODY_INVALID. */
export function stickyKeyOf(headers: IncomingHttpHeaders): string | undefined {
  const given = headers['x-sticky-key']
  if (given === undefined) return undefined
  const key = stickyKeySchema.safeParse(given)
  if (key.success) return key.data
  throw invalidInput('the header X-Sticky-Key is not valid', [
    fieldProblem('headers.X-Sticky-Key', 'a line of 1 to 200 characters is expected'),
  ])
}
