import {
  leadingAlias,
  type JsonObject,
  type JsonValue,
  type ModelChange,
  type ModelRoute,
  type ModelSummary,
  type ModelVersionRecord,
} from '@celeriac/core'
import type { ModelChangeView, ModelRouteView, ModelStateView, ModelView } from '@celeriac/contracts'
import { isoOf } from './instant.ts'

/** `deployment` is what the deploying operator said; what most want to know is lifted out for reading. */
export function modelView(model: ModelVersionRecord): ModelView {
  const { metrics, signature, serving } = model.deployment
  return {
    name: model.name,
    version: model.version,
    alias: leadingAlias(model.aliases),
    aliases: [...model.aliases],
    run_id: model.runId,
    operator_id: model.operatorId,
    attempt: model.attempt,
    uri: model.uri,
    metrics: objectOf(metrics) ?? {},
    signature: signature ?? null,
    serving: objectOf(serving),
    deployment: model.deployment,
    created_at: isoOf(model.createdAt),
    created_by: model.createdBy,
    archived_at: model.archivedAt === null ? null : isoOf(model.archivedAt),
  }
}

function objectOf(value: JsonValue | undefined): Record<string, unknown> | null {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? { ...(value as JsonObject) } : null
}

export const modelStateView = ({
  name,
  revision,
  latestVersion,
  aliases,
  canary,
  shadow,
}: ModelSummary): ModelStateView => ({
  name,
  revision,
  latest_version: latestVersion,
  aliases: { ...aliases },
  canary,
  shadow,
})

/** Traffic as it takes effect: a share of the version that serves anyway is none. */
export function modelRouteView(summary: ModelSummary, route: ModelRoute | null): ModelRouteView {
  const shareOf = (role: 'canary' | 'shadow') => {
    const share = route?.[role] ?? null
    return share === null ? null : { version: share.version.version, percent: share.percent }
  }
  const canary = shareOf('canary')
  const primary =
    route === null ? null : { version: route.primary.version, percent: 100 - (canary?.percent ?? 0) }
  return { ...modelStateView(summary), canary, shadow: shareOf('shadow'), primary }
}

export const modelChangeView = (change: ModelChange): ModelChangeView => ({
  revision: change.revision,
  kind: change.kind,
  version: change.version,
  alias: change.alias,
  previous_version: change.previousVersion,
  traffic: change.traffic,
  actor: change.actor,
  at: isoOf(change.at),
})
