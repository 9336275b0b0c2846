import type { DatasetRecord } from '@celeriac/core'
import type { DatasetView, WorkerView } from '@celeriac/contracts'
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
