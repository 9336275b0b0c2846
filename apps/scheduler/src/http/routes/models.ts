import {
  AppError,
  type ModelRoute,
  type ModelSummary,
  type ModelVersionRecord,
  type Store,
} from '@celeriac/core'
import {
  modelChangePageSchema,
  modelPageSchema,
  modelQuerySchema,
  modelRouteSchema,
  modelSchema,
  pageQuerySchema,
  textSchema,
} from '@celeriac/contracts'
import { deploymentArchive, findDeploymentFiles } from '../../registry/deployment-archive.ts'
import { defineRoute, type Route } from '../route.ts'
import { modelChangeView, modelRouteView, modelView } from '../views/model-views.ts'
import { given, pageView } from '../views/page-view.ts'
import { modelParams, modelVersionParams } from './path-params.ts'

export const modelRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/models',
    operationId: 'listModels',
    tag: 'models',
    summary: 'Lists model versions, newest first.',
    access: 'viewer',
    query: pageQuerySchema.extend({
      name: textSchema(200).optional().describe('Only versions of this model.'),
    }),
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
    access: 'viewer',
    params: modelParams,
    query: modelQuerySchema,
    answers: { 200: { description: 'The model version', schema: modelSchema } },
    errors: ['NOT_FOUND_MODEL'],
    async handle({ params, query }, { store }) {
      return { status: 200, body: modelView(await findModelVersion({ ...params, ...query }, store)) }
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/models/{name}/versions/{version}',
    operationId: 'getModelVersion',
    tag: 'models',
    summary: 'A model version with its lineage.',
    access: 'viewer',
    params: modelVersionParams,
    answers: { 200: { description: 'The model version', schema: modelSchema } },
    errors: ['NOT_FOUND_MODEL'],
    async handle({ params }, { store }) {
      return { status: 200, body: modelView(await findModelVersion(params, store)) }
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/models/{name}/versions/{version}/download',
    operationId: 'downloadModelVersion',
    tag: 'models',
    summary: 'The files of a model version: description, model, transforms, scorer, sample.',
    description:
      'One folder, `<name>-<version>`. `model.joblib` is a pickle: load it only where you trust who trained it.',
    access: 'viewer',
    params: modelVersionParams,
    answers: { 200: { description: 'A compressed tar archive', contentType: 'application/gzip' } },
    errors: ['NOT_FOUND_MODEL'],
    async handle({ params }, { store, artifacts }) {
      const model = await findModelVersion(params, store)
      const files = await findDeploymentFiles(model, artifacts)
      const title = `${model.name}-${model.version}`
      return {
        status: 200,
        headers: {
          'content-type': 'application/gzip',
          'content-disposition': attachment(`${title}.tar.gz`),
        },
        stream: deploymentArchive(title, files),
      }
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/models/{name}/route',
    operationId: 'getModelRoute',
    tag: 'models',
    summary: 'Who answers requests that name no version, and all aliases of the model.',
    access: 'viewer',
    params: modelParams,
    answers: { 200: { description: 'Aliases and traffic', schema: modelRouteSchema } },
    errors: ['NOT_FOUND_MODEL'],
    async handle({ params: { name } }, { store }) {
      const { summary, route } = await summaryAndRoute(name, store)
      return { status: 200, body: modelRouteView(summary, route) }
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/models/{name}/changes',
    operationId: 'listModelChanges',
    tag: 'models',
    summary: 'What happened to a model, newest first.',
    access: 'viewer',
    params: modelParams,
    query: pageQuerySchema,
    answers: { 200: { description: 'A page of changes', schema: modelChangePageSchema } },
    errors: ['NOT_FOUND_MODEL'],
    async handle({ params: { name }, query }, { store }) {
      await requireModel(name, store)
      const page = await store.listModelChanges({ name, ...given(query) })
      return { status: 200, body: pageView(page, modelChangeView) }
    },
  }),
]

export interface ModelVersionName {
  readonly name: string
  readonly version?: number | undefined
  readonly alias?: string | undefined
}

/** Throws NOT_FOUND_MODEL. */
export async function findModelVersion(
  { name, version, alias }: ModelVersionName,
  store: Store,
): Promise<ModelVersionRecord> {
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

async function requireModel(name: string, store: Store): Promise<ModelSummary> {
  const summary = await store.findModel(name)
  if (summary !== null) return summary
  throw new AppError('NOT_FOUND_MODEL', 'there is no such model', { details: { name } })
}

/** Of the same moment, unless the model changes faster than it can be read. */
async function summaryAndRoute(
  name: string,
  store: Store,
): Promise<{ readonly summary: ModelSummary; readonly route: ModelRoute | null }> {
  let summary = await requireModel(name, store)
  for (let tries = 1; ; tries += 1) {
    const route = await store.findModelRoute(name)
    if (route === null || route.revision === summary.revision || tries === mostTries)
      return { summary, route }
    summary = await requireModel(name, store)
  }
}

const mostTries = 5

/** A file name for people, and one that every client understands (RFC 6266). */
function attachment(name: string): string {
  const plain = name.replaceAll(/[^\w.+-]/g, '_')
  const encoded = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`
}
