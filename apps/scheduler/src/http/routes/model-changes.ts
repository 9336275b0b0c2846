import {
  candidateAlias,
  championAlias,
  type ModelSummary,
  type Store,
  type TrafficShare,
} from '@celeriac/core'
import {
  modelSchema,
  modelStateAnswerSchema,
  modelTrafficBodySchema,
  promoteBodySchema,
  setAliasBodySchema,
  type WantedShare,
} from '@celeriac/contracts'
import { nameOf } from '../../accounts/caller.ts'
import type { ApiDeps } from '../api-deps.ts'
import { jsonBody } from '../body-readers.ts'
import { defineRoute, type Route } from '../route.ts'
import { modelStateView, modelView } from '../views/model-views.ts'
import { findModelVersion } from './models.ts'
import { modelAliasParams, modelParams, modelVersionParams, newModelAliasParams } from './path-params.ts'

const answers = { 200: { description: 'The model as it is now', schema: modelStateAnswerSchema } }
const aliasTarget = ({ name, alias }: Readonly<Record<string, unknown>>) => `${String(name)}@${String(alias)}`
const versionTarget = ({ name, version }: Readonly<Record<string, unknown>>) =>
  `${String(name)}/${String(version)}`

/** All answer what is then; the same change again answers the same. */
export const modelChangeRoutes: readonly Route[] = [
  defineRoute({
    method: 'put',
    path: '/api/v1/models/{name}/aliases/{alias}',
    operationId: 'setModelAlias',
    tag: 'models',
    summary: 'Points an alias at a version.',
    access: 'editor',
    audit: { action: 'model.alias_set', target: aliasTarget },
    params: newModelAliasParams,
    body: jsonBody(setAliasBodySchema),
    answers,
    errors: ['NOT_FOUND_MODEL', 'CONFLICT_MODEL_ARCHIVED'],
    handle({ params, body: { version }, caller }, deps) {
      return changed(
        deps,
        deps.store.setModelAlias({ ...params, version, actor: nameOf(caller), kind: 'alias_set' }),
      )
    },
  }),
  defineRoute({
    method: 'delete',
    path: '/api/v1/models/{name}/aliases/{alias}',
    operationId: 'removeModelAlias',
    tag: 'models',
    summary: 'Removes an alias; its version stays.',
    description: 'Without a champion the newest version that is not archived serves.',
    access: 'editor',
    audit: { action: 'model.alias_remove', target: aliasTarget },
    params: modelAliasParams,
    answers,
    errors: ['NOT_FOUND_MODEL'],
    handle({ params, caller }, deps) {
      return changed(deps, deps.store.removeModelAlias({ ...params, actor: nameOf(caller) }))
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/models/{name}/promote',
    operationId: 'promoteModel',
    tag: 'models',
    summary: 'Makes a version the champion: from now on it serves.',
    description: `Without a version or an alias: the one that \`${candidateAlias}\` names. Its share of canary or shadow traffic ends.`,
    access: 'editor',
    audit: { action: 'model.promote', target: ({ name }) => name },
    params: modelParams,
    body: jsonBody(promoteBodySchema, { optional: true }),
    answers,
    errors: ['NOT_FOUND_MODEL', 'CONFLICT_MODEL_ARCHIVED'],
    async handle({ params: { name }, body, caller }, deps) {
      const wanted = body.version === undefined ? { alias: body.alias ?? candidateAlias } : body
      const version = await versionOf(name, wanted, deps.store)
      const change = { name, alias: championAlias, version, actor: nameOf(caller), kind: 'promoted' } as const
      return changed(deps, deps.store.setModelAlias(change))
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/models/{name}/rollback',
    operationId: 'rollBackModel',
    tag: 'models',
    summary: 'Makes the champion before the last change champion again; done again, the one before that.',
    description: 'Canary traffic ends.',
    access: 'editor',
    audit: { action: 'model.rollback', target: ({ name }) => name },
    params: modelParams,
    answers,
    errors: ['NOT_FOUND_MODEL', 'CONFLICT_MODEL_NO_PREVIOUS'],
    handle({ params, caller }, deps) {
      return changed(deps, deps.store.rollbackModel({ ...params, actor: nameOf(caller) }))
    },
  }),
  defineRoute({
    method: 'put',
    path: '/api/v1/models/{name}/traffic',
    operationId: 'setModelTraffic',
    tag: 'models',
    summary: 'Sets canary and shadow traffic; what is left out, or null, ends.',
    description: 'A share of the version that serves anyway has no effect.',
    access: 'editor',
    audit: { action: 'model.traffic', target: ({ name }) => name },
    params: modelParams,
    body: jsonBody(modelTrafficBodySchema),
    answers,
    errors: ['NOT_FOUND_MODEL', 'CONFLICT_MODEL_ARCHIVED'],
    async handle({ params: { name }, body, caller }, deps) {
      const canary = await shareOf(name, body.canary, deps.store)
      const shadow = await shareOf(name, body.shadow, deps.store)
      return changed(deps, deps.store.setModelTraffic({ name, canary, shadow, actor: nameOf(caller) }))
    },
  }),
  ...(['archive', 'restore'] as const).map((verb) =>
    defineRoute({
      method: 'post',
      path: `/api/v1/models/{name}/versions/{version}/${verb}`,
      operationId: `${verb}ModelVersion`,
      tag: 'models',
      summary:
        verb === 'archive'
          ? 'Archives a version: it is kept, but neither served nor given an alias.'
          : 'Restores an archived version.',
      access: 'editor',
      audit: { action: `model.${verb}`, target: versionTarget },
      params: modelVersionParams,
      answers: { 200: { description: 'The model version', schema: modelSchema } },
      errors: ['NOT_FOUND_MODEL', ...(verb === 'archive' ? (['CONFLICT_MODEL_IN_USE'] as const) : [])],
      async handle({ params, caller }, deps) {
        const model = await deps.store.archiveModelVersion({
          ...params,
          isArchived: verb === 'archive',
          actor: nameOf(caller),
        })
        deps.modelChanged?.(model.name)
        return { status: 200, body: modelView(model) }
      },
    }),
  ),
  defineRoute({
    method: 'delete',
    path: '/api/v1/models/{name}/versions/{version}',
    operationId: 'deleteModelVersion',
    tag: 'models',
    summary: 'Deletes an archived version for good; its number is not given again.',
    description: [
      'Refused while an alias or traffic names it, a rollback would make it champion again, or an open run made it or',
      'scores with it. Its files go with the artifacts of the run that it came from, by the rules of retention.',
    ].join('\n'),
    access: 'admin',
    audit: { action: 'model.delete', target: versionTarget },
    params: modelVersionParams,
    answers: { 200: { description: 'The version as it was', schema: modelSchema } },
    errors: ['NOT_FOUND_MODEL', 'CONFLICT_MODEL_NOT_ARCHIVED', 'CONFLICT_MODEL_IN_USE'],
    async handle({ params, caller }, deps) {
      const model = await deps.store.deleteModelVersion({ ...params, actor: nameOf(caller) })
      deps.modelChanged?.(model.name)
      return { status: 200, body: modelView(model) }
    },
  }),
]

/** Tells who serves the model that it has changed, once it has. */
async function changed({ modelChanged }: Pick<ApiDeps, 'modelChanged'>, change: Promise<ModelSummary>) {
  const summary = await change
  modelChanged?.(summary.name)
  return { status: 200, body: modelStateView(summary) }
}

async function versionOf(
  name: string,
  wanted: { readonly version?: number | undefined; readonly alias?: string | undefined },
  store: Store,
): Promise<number> {
  return wanted.version ?? (await findModelVersion({ name, alias: wanted.alias }, store)).version
}

async function shareOf(name: string, wanted: WantedShare | null, store: Store): Promise<TrafficShare | null> {
  if (wanted === null) return null
  return { version: await versionOf(name, wanted, store), percent: wanted.percent }
}
