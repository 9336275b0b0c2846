import type { AlgorithmCatalog } from '@celeriac/contracts'
import type { Broker, Clock, Instant, Store } from '@celeriac/core'
import type { ArtifactLayout, Logger } from '@celeriac/runtime'
import type { Topology } from '@celeriac/broker'
import type { Accounts } from '../accounts/accounts.ts'
import type { Retention } from '../housekeeping/retention.ts'
import type { ExplainView } from '../explain/gather-facts.ts'
import type { LiveFeed } from '../live/live-feed.ts'
import type { PredictService } from '../predict/predict-service.ts'
import type { ScoreWatch } from '../predict/score-watch.ts'
import type { ModelMemory } from '../protocols/model-memory.ts'
import type { PredictionCounts } from '../protocols/prediction-counts.ts'
import type { ModelAddress } from '../protocols/v2/infer.ts'
import type { Admission } from '../submission/admission.ts'
import type { Intake } from '../submission/intake.ts'

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
  /** One of those that are told apart, else `other`. */
  readonly method: string
  /** The route's pattern, never the path: labels stay bounded. `none` when no route matched. */
  readonly route: string
  readonly status: number
  readonly durationMs: number
}

/** How long the server waits for a client, in milliseconds. */
export interface HttpTimes {
  /** A body that is held in memory must have arrived in full within this time. Default 30,000. */
  readonly bodyMs: number
  /** An upload must make progress within this time. Default 60,000. */
  readonly uploadStallMs: number
  /** A client that is sent a stream must read something within this time. Default 30,000. */
  readonly readerStallMs: number
}

export const defaultHttpTimes: HttpTimes = { bodyMs: 30_000, uploadStallMs: 60_000, readerStallMs: 30_000 }

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
  /** Who calls, and what is known of those who may. */
  readonly accounts: Accounts
  readonly version: string
  /** Changes of runs as they happen. */
  readonly live: Pick<LiveFeed, 'watch'>
  readonly workers: () => readonly WorkerInfo[]
  readonly readiness: () => Promise<Readiness>
  /** Whether new work may be taken now. */
  readonly intake: Pick<Intake, 'take' | 'watch' | 'require'>
  /** What explanations need to know beside the stored facts. */
  readonly explain: ExplainView
  /** What lets runs through to the engine. */
  readonly admission: Pick<Admission, 'gate' | 'kick'>
  readonly metrics: MetricsSource
  readonly retention: Pick<Retention, 'policy' | 'state' | 'preview' | 'startNow'>
  readonly observeRequest?: (sample: RequestSample) => void
  /** Left out where nothing serves predictions: the routes answer PREDICT_SHED. */
  readonly predictions?: PredictService
  /** What became of predictions, by version. */
  readonly predictionCounts?: Pick<PredictionCounts, 'of'>
  /** The scores that callers of predictions got. */
  readonly scores?: Pick<ScoreWatch, 'of'>
  /** What predict workers have in memory. */
  readonly modelMemory?: Pick<ModelMemory, 'load' | 'unload'>
  /** What `/invocations` means when the request does not say. */
  readonly invocationsModel?: ModelAddress
  /** To be called when a model's aliases, traffic or versions have changed, once that is in the database. */
  readonly modelChanged?: (name: string) => void
  /** Largest data set file. Default 4 GiB. */
  readonly maxDatasetBytes?: number
  readonly times?: HttpTimes
  /** Whether `X-Forwarded-For` comes from a proxy of ours. Default: no. */
  readonly isBehindProxy?: boolean
  /** Whether train and predict of the articles' system answer as it did: JSON inside of JSON. Default: no. */
  readonly isArticlesJsonDouble?: boolean
}
