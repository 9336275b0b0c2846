import {
  v2InferAnswerSchema,
  v2LiveSchema,
  v2ModelReadySchema,
  v2ModelSchema,
  v2ReadySchema,
  v2ServerSchema,
} from '@celeriac/contracts'
import { v2ErrorForm } from '../../protocols/error-forms.ts'
import { infer } from '../../protocols/v2/infer.ts'
import { inferBody } from '../../protocols/v2/infer-body.ts'
import { v2ModelView } from '../../protocols/v2/model-view.ts'
import { defineRoute, type Route } from '../route.ts'
import { addressOf, withAndWithoutVersion } from './inference-v2-paths.ts'
import { predictHeaderSpec } from './predict-header-spec.ts'
import { gone, modelOverload, predictHeaders, predictionsOf, stickyKeyOf, timeoutSOf } from './predict.ts'

/** What is offered beyond the protocol itself. */
const extensions = ['binary_tensor_data', 'model_repository', 'parameters', 'statistics']
/** Most versions that the metadata of a model lists: the newest. */
const mostVersions = 200

/** The Open Inference Protocol, V2: server, models and inference. The repository has a file of its own. */
export const inferenceRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/v2',
    operationId: 'v2Server',
    tag: 'inference',
    errorForm: v2ErrorForm,
    summary: 'What this server is, in the words of the Open Inference Protocol.',
    access: 'viewer',
    answers: { 200: { description: 'The server', schema: v2ServerSchema } },
    errors: [],
    handle: (_input, { version }) => ({ status: 200, body: { name: 'celeriac', version, extensions } }),
  }),
  defineRoute({
    method: 'get',
    path: '/v2/health/live',
    operationId: 'v2Live',
    tag: 'inference',
    errorForm: v2ErrorForm,
    summary: 'The process answers, as `/healthz`.',
    access: 'public',
    answers: { 200: { description: 'Alive', schema: v2LiveSchema } },
    errors: [],
    handle: () => ({ status: 200, body: { live: true } }),
  }),
  defineRoute({
    method: 'get',
    path: '/v2/health/ready',
    operationId: 'v2Ready',
    tag: 'inference',
    errorForm: v2ErrorForm,
    summary: 'Requests may be sent here, as `/readyz`.',
    access: 'public',
    answers: {
      200: { description: 'Ready', schema: v2ReadySchema },
      503: { description: 'Not ready', schema: v2ReadySchema },
    },
    errors: [],
    async handle(_input, deps) {
      const { ready } = await deps.readiness()
      return { status: ready ? 200 : 503, body: { ready } }
    },
  }),
  ...withAndWithoutVersion(({ path, params, suffix }) =>
    defineRoute({
      method: 'get',
      path,
      operationId: `v2Model${suffix}`,
      tag: 'inference',
      errorForm: v2ErrorForm,
      summary: 'Inputs and outputs of a model, one input per column.',
      access: 'viewer',
      params,
      answers: { 200: { description: 'The model', schema: v2ModelSchema } },
      errors: ['NOT_FOUND_MODEL', 'CONFLICT_MODEL_ARCHIVED', 'TASK_ARTIFACT_NOT_FOUND', 'PREDICT_SHED'],
      async handle({ params: place }, deps) {
        const { model, signature } = await predictionsOf(deps).describe(addressOf(place))
        const { items } = await deps.store.listModelVersions({ name: model.name, limit: mostVersions })
        const versions = items.filter(({ archivedAt }) => archivedAt === null).map(({ version }) => version)
        return {
          status: 200,
          body: v2ModelView(
            model,
            signature,
            versions.toSorted((a, b) => a - b),
          ),
        }
      },
    }),
  ),
  ...withAndWithoutVersion(({ path, params, suffix }) =>
    defineRoute({
      method: 'get',
      path: `${path}/ready`,
      operationId: `v2Model${suffix}Ready`,
      tag: 'inference',
      errorForm: v2ErrorForm,
      summary: 'Whether the model can be asked. An archived version cannot.',
      access: 'viewer',
      params,
      answers: { 200: { description: 'It can', schema: v2ModelReadySchema } },
      errors: ['NOT_FOUND_MODEL', 'CONFLICT_MODEL_ARCHIVED', 'TASK_ARTIFACT_NOT_FOUND', 'PREDICT_SHED'],
      async handle({ params: place }, deps) {
        const { model } = await predictionsOf(deps).describe(addressOf(place))
        return { status: 200, body: { name: model.name, ready: true } }
      },
    }),
  ),
  ...withAndWithoutVersion(({ path, params, suffix }) =>
    defineRoute({
      method: 'post',
      path: `${path}/infer`,
      operationId: `v2Infer${suffix}`,
      tag: 'inference',
      errorForm: v2ErrorForm,
      summary: 'Scores rows that are sent as tensors, synchronously.',
      description: [
        'One tensor `[n, f]` in the order of the model’s inputs, or one `[n]` or `[n, 1]` per input. Tensors may be sent and',
        'asked for in binary (`Inference-Header-Content-Length`, `binary_data_size`, `binary_data_output`), and the body be',
        'compressed by gzip or deflate.',
      ].join('\n'),
      access: 'viewer',
      params,
      headers: predictHeaderSpec,
      body: inferBody,
      answers: {
        200: {
          description: 'The outputs, one row per row of the inputs',
          schema: v2InferAnswerSchema,
          binaryType: 'application/octet-stream',
        },
      },
      errors: [
        'NOT_FOUND_MODEL',
        'CONFLICT_MODEL_ARCHIVED',
        'VALIDATION_ROW_INVALID',
        'TASK_ARTIFACT_NOT_FOUND',
        'PREDICT_DEADLINE',
        'PREDICT_SHED',
      ],
      isDirect: true,
      overload: modelOverload,
      refuse: ({ params: { name }, headers }, { predictions }) =>
        predictions?.refuse(name, timeoutSOf(headers) * 1_000),
      async handle({ params: place, body, headers, request }, deps) {
        // The deadline counts from the request's arrival, as in every protocol.
        const startedAt = deps.clock.now()
        const headerS = timeoutSOf(headers)
        const stickyKey = stickyKeyOf(headers)
        const deadlineFor = (bodyS: number = headerS): number =>
          startedAt + (headers['x-request-timeout'] === undefined ? bodyS : Math.min(headerS, bodyS)) * 1_000
        const circumstances = {
          deadlineFor,
          signal: gone(request),
          ...(stickyKey === undefined ? {} : { stickyKey }),
        }
        const { answer, encoded } = await infer(addressOf(place), body, circumstances, predictionsOf(deps))
        return {
          status: 200,
          headers: { ...predictHeaders(answer, deps.clock.now() - startedAt), ...encoded.headers },
          body: encoded.body,
        }
      },
    }),
  ),
]
