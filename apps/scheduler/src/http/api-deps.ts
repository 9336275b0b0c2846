import type { AlgorithmCatalog } from '@celeriac/contracts'
import type { Broker, Clock, Instant, JsonObject, JsonValue, ModelVersionRecord, Store } from '@celeriac/core'
import type { ArtifactLayout, Logger } from '@celeriac/runtime'
import type { Topology } from '@celeriac/broker'

/** A worker as its heartbeats show it. */
export interface WorkerInfo {
  readonly name: string
  readonly alive: boolean
  readonly pid: number | null
  readonly queues: readonly string[]
  readonly concurrency: number | null
  readonly active: number | null
  readonly processed: number | null
  /** Name and version of the worker's software. */
  readonly software: string | null
  readonly lastSeenAt: Instant
}

export interface PredictRequest {
  readonly model: ModelVersionRecord
  readonly rows: readonly (JsonObject | readonly JsonValue[])[]
  readonly columns: readonly string[] | null
  /** When the caller stops waiting. */
  readonly deadlineAt: Instant
}

/** Scores rows. Throws VALIDATION_ROW_INVALID, PREDICT_DEADLINE, PREDICT_SHED. */
export type Predict = (request: PredictRequest) => Promise<readonly JsonObject[]>

export interface Readiness {
  readonly ready: boolean
  /** Dependency → `ok`, or what is wrong with it. */
  readonly checks: Readonly<Record<string, string>>
}

/** Prometheus text and its content type. */
export interface MetricsSource {
  readonly contentType: string
  metrics(): Promise<string>
}

export interface RequestSample {
  /** `GET`, `POST`, `HEAD` or `other`. */
  readonly method: string
  /** The route's pattern, never the path: labels stay bounded. `none` when no route matched. */
  readonly route: string
  readonly status: number
  readonly durationMs: number
}

/** What the HTTP interface is built on. All of it is owned, started and stopped by the composition root. */
export interface ApiDeps {
  readonly store: Store
  readonly broker: Broker
  readonly topology: Topology
  readonly algorithms: AlgorithmCatalog
  readonly artifacts: ArtifactLayout
  readonly logger: Logger
  readonly clock: Clock
  readonly newId: () => string
  /** The admin token; only its digest is kept. */
  readonly token: string
  readonly version: string
  readonly workers: () => readonly WorkerInfo[]
  readonly readiness: () => Promise<Readiness>
  readonly metrics: MetricsSource
  readonly observeRequest?: (sample: RequestSample) => void
  /** Left out where nothing serves predictions: the route answers PREDICT_SHED. */
  readonly predict?: Predict
  /** Largest data set file. Default 4 GiB. */
  readonly maxDatasetBytes?: number
}
