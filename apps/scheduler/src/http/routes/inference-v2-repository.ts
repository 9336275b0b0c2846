import {
  v2IndexBodySchema,
  v2IndexSchema,
  v2RepositoryAnswerSchema,
  v2RepositoryBodySchema,
  v2StatisticsSchema,
  type V2Index,
} from '@celeriac/contracts'
import { AppError, type ModelVersionRecord } from '@celeriac/core'
import type { z } from 'zod'
import { v2ErrorForm } from '../../protocols/error-forms.ts'
import { parseLenientJson } from '../../protocols/lenient-json.ts'
import { readProtocolBody } from '../../protocols/protocol-body.ts'
import { v2StatisticsView } from '../../protocols/v2/model-view.ts'
import type { ApiDeps } from '../api-deps.ts'
import { checkInput } from '../check-input.ts'
import { defineRoute, type BodyReader, type Route } from '../route.ts'
import { addressOf, v2ModelParams, withAndWithoutVersion } from './inference-v2-paths.ts'
import { predictionsOf } from './predict.ts'

const pageSize = 200
/** Such bodies hold a flag or nothing. */
const maxRepositoryBytes = 65_536
/** Versions in one answer, at most: the newest. */
const mostVersions = 10_000

/** The clients of the protocol send such bodies without a type, and without a byte too. */
const repositoryBody = <S extends z.ZodType>(schema: S): BodyReader<z.output<S>> => ({
  content: { 'application/json': schema },
  required: false,
  async read(request, times) {
    const bytes = await readProtocolBody(request, times, {
      accepted: ['application/json', ''],
      maxBytes: maxRepositoryBytes,
    })
    return checkInput(schema, bytes.length === 0 ? {} : parseLenientJson(bytes), 'body')
  },
})

/** The repository and statistics extensions of the Open Inference Protocol. */
export const inferenceRepositoryRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/v2/repository/index',
    operationId: 'v2Index',
    tag: 'inference',
    errorForm: v2ErrorForm,
    summary: 'Lists model versions, by name and number.',
    access: 'viewer',
    body: repositoryBody(v2IndexBodySchema),
    answers: { 200: { description: 'The versions', schema: v2IndexSchema } },
    errors: [],
    async handle({ body }, deps) {
      const index = (await versionsOf({}, deps)).map(indexEntry)
      return { status: 200, body: index.filter(({ state }) => body.ready !== true || state === 'READY') }
    },
  }),
  defineRoute({
    method: 'post',
    path: '/v2/repository/models/{name}/load',
    operationId: 'v2Load',
    tag: 'inference',
    errorForm: v2ErrorForm,
    summary: 'Has all predict workers load and warm the versions that serve the model.',
    access: 'editor',
    audit: { action: 'model.load', target: ({ name }) => name },
    params: v2ModelParams,
    body: repositoryBody(v2RepositoryBodySchema),
    answers: { 200: { description: 'They are told', schema: v2RepositoryAnswerSchema } },
    errors: ['NOT_FOUND_MODEL', 'BROKER_UNAVAILABLE', 'PREDICT_SHED'],
    async handle({ params }, deps) {
      await memoryOf(deps).load(params.name)
      return { status: 200, body: {} }
    },
  }),
  defineRoute({
    method: 'post',
    path: '/v2/repository/models/{name}/unload',
    operationId: 'v2Unload',
    tag: 'inference',
    errorForm: v2ErrorForm,
    summary: 'Has all predict workers drop the model from memory. The next request loads it again.',
    access: 'editor',
    audit: { action: 'model.unload', target: ({ name }) => name },
    params: v2ModelParams,
    body: repositoryBody(v2RepositoryBodySchema),
    answers: { 200: { description: 'They are told', schema: v2RepositoryAnswerSchema } },
    errors: ['NOT_FOUND_MODEL', 'BROKER_UNAVAILABLE', 'PREDICT_SHED'],
    async handle({ params }, deps) {
      await memoryOf(deps).unload(params.name)
      return { status: 200, body: {} }
    },
  }),
  defineRoute({
    method: 'get',
    path: '/v2/models/stats',
    operationId: 'v2AllStatistics',
    tag: 'inference',
    errorForm: v2ErrorForm,
    summary: 'Requests, rows and times of all model versions, since this scheduler started.',
    access: 'viewer',
    answers: { 200: { description: 'The statistics', schema: v2StatisticsSchema } },
    errors: [],
    async handle(_input, deps) {
      return { status: 200, body: statistics(await versionsOf({}, deps), deps) }
    },
  }),
  ...withAndWithoutVersion(({ path, params, suffix }) =>
    defineRoute({
      method: 'get',
      path: `${path}/stats`,
      operationId: `v2Statistics${suffix}`,
      tag: 'inference',
      errorForm: v2ErrorForm,
      summary: 'Requests, rows and times of a model, since this scheduler started.',
      access: 'viewer',
      params,
      answers: { 200: { description: 'The statistics', schema: v2StatisticsSchema } },
      errors: [
        'NOT_FOUND_MODEL',
        ...(suffix === ''
          ? []
          : (['CONFLICT_MODEL_ARCHIVED', 'TASK_ARTIFACT_NOT_FOUND', 'PREDICT_SHED'] as const)),
      ],
      async handle({ params: place }, deps) {
        const address = addressOf(place)
        const isOne = (address.version ?? address.alias) !== undefined
        const versions = isOne
          ? [(await predictionsOf(deps).describe(address)).model]
          : await versionsOf({ name: address.name }, deps)
        if (versions.length === 0)
          throw new AppError('NOT_FOUND_MODEL', 'there is no such model', { details: { name: address.name } })
        return { status: 200, body: statistics(versions, deps) }
      },
    }),
  ),
]

function memoryOf({ modelMemory }: ApiDeps): NonNullable<ApiDeps['modelMemory']> {
  if (modelMemory !== undefined) return modelMemory
  throw new AppError('PREDICT_SHED', 'nothing serves predictions in this installation')
}

/** Versions by name, then number. */
async function versionsOf(
  filter: { readonly name?: string },
  { store }: Pick<ApiDeps, 'store'>,
): Promise<readonly ModelVersionRecord[]> {
  const versions: ModelVersionRecord[] = []
  let cursor: string | null = null
  do {
    const page = await store.listModelVersions({
      ...filter,
      limit: pageSize,
      ...(cursor === null ? {} : { cursor }),
    })
    versions.push(...page.items)
    cursor = page.cursor
  } while (cursor !== null && versions.length < mostVersions)
  return versions.toSorted((a, b) => compareText(a.name, b.name) || a.version - b.version)
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const indexEntry = ({ name, version, archivedAt }: ModelVersionRecord): V2Index[number] => ({
  name,
  version: String(version),
  state: archivedAt === null ? 'READY' : 'UNAVAILABLE',
  reason: archivedAt === null ? '' : 'archived',
})

const statistics = (versions: readonly ModelVersionRecord[], { predictionCounts }: ApiDeps) => ({
  model_stats: versions.map((model) =>
    v2StatisticsView(model, predictionCounts?.of(model.name, model.version) ?? null),
  ),
})
