import type { DatasetRecord, JsonObject, JsonValue, ModelVersionRecord } from '@celeriac/core'
import type { DatasetView, ModelView, WorkerView } from '@celeriac/contracts'
import type { WorkerInfo } from '../api-deps.ts'
import { isoOf } from './instant.ts'

export const datasetView = (dataset: DatasetRecord): DatasetView => ({
  id: dataset.id,
  name: dataset.name,
  format: dataset.format,
  uri: dataset.uri,
  bytes: dataset.bytes,
  rows: dataset.rows,
  sha256: dataset.sha256,
  rename: { ...dataset.rename },
  columns: dataset.columns.map((column) => ({ ...column })),
  created_at: isoOf(dataset.createdAt),
})

/** `deployment` is what the deploying operator said; its metrics and signature are lifted out for reading. */
export function modelView(model: ModelVersionRecord): ModelView {
  const { metrics, signature } = model.deployment
  return {
    name: model.name,
    version: model.version,
    alias: model.alias,
    run_id: model.runId,
    operator_id: model.operatorId,
    attempt: model.attempt,
    uri: model.uri,
    metrics: metricsOf(metrics),
    signature: signature ?? null,
    deployment: model.deployment,
    created_at: isoOf(model.createdAt),
  }
}

function metricsOf(metrics: JsonValue | undefined): Record<string, unknown> {
  const isObject = typeof metrics === 'object' && metrics !== null && !Array.isArray(metrics)
  return isObject ? { ...(metrics as JsonObject) } : {}
}

export const workerView = (worker: WorkerInfo): WorkerView => ({
  name: worker.name,
  alive: worker.alive,
  pid: worker.pid,
  queues: [...worker.queues],
  concurrency: worker.concurrency,
  active: worker.active,
  processed: worker.processed,
  software: worker.software,
  last_seen_at: isoOf(worker.lastSeenAt),
})
