import {
  mlflowAnswerSchema,
  mlflowQuerySchema,
  predictQuerySchema,
  type MlflowMethod,
  type Prediction,
} from '@celeriac/contracts'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { mlflowErrorForm } from '../../protocols/error-forms.ts'
import { csvRows } from '../../protocols/mlflow/csv-rows.ts'
import { invocationBody, type Invocation } from '../../protocols/mlflow/invocation-body.ts'
import { invocationRows } from '../../protocols/mlflow/invocation-rows.ts'
import type { ModelAddress } from '../../protocols/v2/infer.ts'
import { classNamesOf, probabilitiesOf } from '../../protocols/v2/model-classes.ts'
import type { PredictAnswer } from '../../predict/predict-service.ts'
import type { ApiDeps } from '../api-deps.ts'
import { fieldProblem, invalidInput } from '../check-input.ts'
import { defineRoute, type Route, type RouteAnswer } from '../route.ts'
import { modelParams } from './path-params.ts'
import { predictHeaderSpec } from './predict-header-spec.ts'
import { gone, modelOverload, predictHeaders, predictionsOf, stickyKeyOf, timeoutSOf } from './predict.ts'

const description =
  'The body has exactly one of `dataframe_split`, `dataframe_records`, `instances` and `inputs`, or it is CSV with a header.'
const answers = {
  200: { description: 'One prediction per row, in order', schema: mlflowAnswerSchema },
} as const
const errors = [
  'NOT_FOUND_MODEL',
  'CONFLICT_MODEL_ARCHIVED',
  'VALIDATION_ROW_INVALID',
  'TASK_ARTIFACT_NOT_FOUND',
  'PREDICT_DEADLINE',
  'PREDICT_SHED',
] as const
const plain = { 'content-type': 'text/plain; charset=utf-8' }

/** What MLflow's scoring server answers. */
export const mlflowRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/invocations',
    operationId: 'invocations',
    tag: 'inference',
    errorForm: mlflowErrorForm,
    summary:
      'Scores rows with the model of the installation, or the one that is named, as MLflow’s scoring server.',
    description,
    access: 'viewer',
    query: mlflowQuerySchema,
    headers: predictHeaderSpec,
    body: invocationBody,
    answers,
    errors: [...errors],
    isDirect: true,
    overload: ({ query }, deps) => {
      const name = query['model'] ?? deps.invocationsModel?.name
      return typeof name === 'string' ? (deps.predictions?.overload(name) ?? null) : null
    },
    refuse: ({ query: { model: name }, headers }, { predictions, invocationsModel }) => {
      const asked = name ?? invocationsModel?.name
      if (asked !== undefined) predictions?.refuse(asked, timeoutSOf(headers) * 1_000)
    },
    handle({ query: { model: name, version, alias }, body, headers, request }, deps) {
      const address = name === undefined ? deps.invocationsModel : { name, ...named({ version, alias }) }
      if (address === undefined)
        throw invalidInput('the request does not say which model it means', [
          fieldProblem(
            'query.model',
            'the name of a model is expected; the setting CELERIAC_INVOCATIONS_MODEL gives none',
          ),
        ])
      return invoke(address, { body, headers, request }, deps)
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/models/{name}/invocations',
    operationId: 'invokeModel',
    tag: 'inference',
    errorForm: mlflowErrorForm,
    summary: 'Scores rows with a model, as MLflow’s scoring server.',
    description,
    access: 'viewer',
    params: modelParams,
    query: predictQuerySchema,
    headers: predictHeaderSpec,
    body: invocationBody,
    answers,
    errors: [...errors],
    isDirect: true,
    overload: modelOverload,
    refuse: ({ params: { name }, headers }, { predictions }) =>
      predictions?.refuse(name, timeoutSOf(headers) * 1_000),
    handle({ params: { name }, query: { version, alias, timeout }, body, headers, request }, deps) {
      return invoke(
        { name, ...named({ version, alias }) },
        { body, headers, request, timeoutS: timeout },
        deps,
      )
    },
  }),
  ...(['/ping', '/health'] as const).map((path) =>
    defineRoute({
      method: 'get',
      path,
      operationId: path === '/ping' ? 'mlflowPing' : 'mlflowHealth',
      tag: 'inference',
      errorForm: mlflowErrorForm,
      summary: 'The process answers, as MLflow’s scoring server says it: with a line break.',
      access: 'public',
      answers: { 200: { description: 'Alive', contentType: 'text/plain' } },
      errors: [],
      handle: () => ({ status: 200, headers: plain, body: '\n' }),
    }),
  ),
  defineRoute({
    method: 'get',
    path: '/version',
    operationId: 'mlflowVersion',
    tag: 'inference',
    errorForm: mlflowErrorForm,
    summary: 'The version of Celeriac, where MLflow’s scoring server tells its own.',
    access: 'public',
    answers: { 200: { description: 'The version', contentType: 'text/plain' } },
    errors: [],
    handle: (_input, { version }) => ({ status: 200, headers: plain, body: version }),
  }),
]

const named = ({ version, alias }: { version?: number | undefined; alias?: string | undefined }) => ({
  ...(version === undefined ? {} : { version }),
  ...(alias === undefined ? {} : { alias }),
})

interface InvocationCall {
  readonly body: Invocation
  readonly headers: IncomingHttpHeaders
  readonly request: IncomingMessage
  readonly timeoutS?: number | undefined
}

async function invoke(
  address: ModelAddress,
  { body, headers, request, timeoutS = Infinity }: InvocationCall,
  deps: ApiDeps,
): Promise<RouteAnswer> {
  const startedAt = deps.clock.now()
  const stickyKey = stickyKeyOf(headers)
  const deadlineAt = startedAt + Math.min(timeoutSOf(headers), timeoutS) * 1_000
  const service = predictionsOf(deps)
  const rows =
    'csv' in body ? csvRows(body.csv, (await service.describe(address)).signature) : invocationRows(body.json)
  const answer = await service.predict({
    ...address,
    ...rows,
    ...(stickyKey === undefined ? {} : { stickyKey }),
    deadlineAt,
    signal: gone(request),
  })
  const method = ('json' in body ? body.json.params?.method : undefined) ?? 'predict'
  return {
    status: 200,
    headers: predictHeaders(answer, deps.clock.now() - startedAt),
    body: { predictions: predictionsFor(method, answer) },
  }
}

/** As scikit-learn's methods of these names. */
function predictionsFor(method: MlflowMethod, { predictions, model }: PredictAnswer): readonly unknown[] {
  if (method === 'predict') return predictions.map((prediction) => prediction['predict_result'])
  const [first] = predictions
  if (first?.['probabilities'] === undefined)
    throw invalidInput('the model has no such method', [
      fieldProblem('body.params.method', 'predict_proba is for classifiers; this model has predict alone'),
    ])
  const classes = classNamesOf(model.deployment, first)
  return predictions.map((prediction: Prediction) => probabilitiesOf(prediction, classes))
}
