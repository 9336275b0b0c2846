import { hostname } from 'node:os'
import { measureBroker, type Topology } from '@celeriac/broker'
import type { AlgorithmCatalog } from '@celeriac/contracts'
import type { Broker, Role, Store } from '@celeriac/core'
import {
  ClockWatch,
  DiskGuard,
  newId,
  pathOf,
  reportBuild,
  startHttpServer,
  startServices,
  systemClock,
  type ArtifactLayout,
  type HttpServer,
  type Logger,
  type MetricsRegistry,
  type Service,
  type SteadyClock,
} from '@celeriac/runtime'
import { Accounts } from './accounts/accounts.ts'
import { accountMetricTable } from './accounts/metrics.ts'
import { OldTokens } from './accounts/old-tokens.ts'
import { Beat } from './beat/beat.ts'
import { createBeatMetrics } from './beat/metrics.ts'
import { Engine } from './engine/engine.ts'
import { createEngineMetrics, reportEngine } from './engine/metrics.ts'
import { UndeliveredConsumer } from './engine/undelivered-consumer.ts'
import { WorkerRegistry } from './engine/worker-registry.ts'
import { Admission } from './submission/admission.ts'
import { Intake } from './submission/intake.ts'
import type { RunLimits } from './submission/run-limits.ts'
import { StoreProbe } from './submission/store-probe.ts'
import { explainView } from './explain/engine-view.ts'
import { Housekeeper } from './housekeeping/housekeeper.ts'
import { retentionMetricTable } from './housekeeping/retention-metrics.ts'
import type { RetentionPolicy } from './housekeeping/retention-policy.ts'
import { Retention } from './housekeeping/retention.ts'
import { createApi } from './http/api.ts'
import { httpMeter } from './http/metrics.ts'
import { LiveFeed } from './live/live-feed.ts'
import { LivePublisher } from './live/live-publisher.ts'
import { reportPlatform } from './platform-metrics.ts'
import { createPredictions } from './predict/start-predictions.ts'
import { ModelMemory } from './protocols/model-memory.ts'
import { parseModelSetting } from './protocols/mlflow/model-setting.ts'
import { PredictionCounts } from './protocols/prediction-counts.ts'
import { readinessOf } from './readiness.ts'

export interface SchedulerParts {
  readonly store: Store
  readonly broker: Broker
  readonly topology: Topology
  readonly algorithms: AlgorithmCatalog
  readonly artifacts: ArtifactLayout
  readonly logger: Logger
  readonly clock: SteadyClock
  readonly retention: RetentionPolicy
  readonly metrics: MetricsRegistry
  readonly http: { readonly host: string; readonly port: number }
  readonly limits: RunLimits
  /** Below it the artifact store counts as full; 0: it is not watched. */
  readonly minFreeBytes: number
  /** The configured admin token. */
  readonly token: string
  /** Whether anybody may make an account. */
  readonly isRegistrationOpen: boolean
  /** Role of those who do. */
  readonly registeredRole: Role
  /** Whether train and predict of the articles' system answer JSON inside of JSON. */
  readonly isArticlesJsonDouble: boolean
  /** Whether `X-Forwarded-For` comes from a proxy of ours. */
  readonly isBehindProxy: boolean
  /** The model that `/invocations` means: `name`, `name/version` or `name@alias`. Default: none. */
  readonly invocationsModel?: string | null
  readonly version: string
}

export interface RunningScheduler {
  /** Address of the API. */
  readonly url: string
  /** Partitions owned now, for status lines and tests. */
  readonly partitions: () => readonly number[]
  /** Stops listening and consuming, finishes the batch in progress. The store and the broker stay open. */
  stop(): Promise<void>
}

/** Starts engine and API on an opened store and broker. */
export async function startScheduler(parts: SchedulerParts): Promise<RunningScheduler> {
  const { store, topology, clock, metrics } = parts
  const broker = measureBroker(parts.broker, metrics)
  const name = `scheduler-${hostname()}-${process.pid}-${newId().slice(-6)}`
  const logger = parts.logger.child({ scheduler: name })
  const liveDeps = { broker, topology, clock, logger: logger.child({ component: 'live' }) }
  const livePublisher = new LivePublisher(liveDeps)
  const liveFeed = new LiveFeed({ ...liveDeps, name, onWatched: (runIds) => livePublisher.watched(runIds) })
  const probe = new StoreProbe({ store, clock })
  const disk = new DiskGuard({ path: pathOf(parts.artifacts.root), minFreeBytes: parts.minFreeBytes, clock })
  const intake = new Intake({ broker, probe, disk, clock })
  const admission = new Admission({ ...parts, broker, logger: logger.child({ component: 'admission' }) })
  const workers = new WorkerRegistry({
    broker,
    topology,
    clock,
    name,
    onLeases: (event) => engine.workerHeard(event),
  })
  const engine = new Engine({
    ...parts,
    broker,
    name,
    logger: logger.child({ component: 'engine' }),
    metrics: createEngineMetrics(metrics, parts.algorithms.all()),
    random: Math.random,
    workers,
    onCommitted: (runs) => {
      const changed = admission.isWaiting ? [...runs] : runs
      if (admission.isWaiting) admission.committed(changed)
      livePublisher.committed(changed)
    },
    onDeployed: (models) => models.forEach((model) => predictions.changed(model)),
  })
  const undelivered = new UndeliveredConsumer({
    ...parts,
    broker,
    name,
    logger: logger.child({ component: 'undelivered' }),
  })
  const predictions = createPredictions({
    ...parts,
    registry: store,
    broker,
    name,
    logger: logger.child({ component: 'predict' }),
  })
  const predictionCounts = new PredictionCounts(predictions.gateway, clock)
  reportBuild(metrics, { service: 'scheduler', version: parts.version })
  reportEngine(metrics, engine, clock)
  reportPlatform(metrics, { store, broker, topology, clock, fleet: () => workers.counts() })
  const retention = new Retention({
    ...parts,
    policy: parts.retention,
    name,
    logger: logger.child({ component: 'retention' }),
    metrics: metrics.register(retentionMetricTable),
  })
  const accounts = new Accounts({
    ...parts,
    newId,
    logger: logger.child({ component: 'accounts' }),
    metrics: metrics.register(accountMetricTable),
  })
  const { invocationsModel = null, ...apiParts } = parts
  const api = createApi({
    ...apiParts,
    ...(invocationsModel === null ? {} : { invocationsModel: parseModelSetting(invocationsModel) }),
    accounts,
    broker,
    logger: logger.child({ component: 'http' }),
    newId,
    live: liveFeed,
    workers: () => workers.live(),
    readiness: () => readinessOf({ probe, intake }),
    intake,
    admission,
    explain: explainView({ engine, workers, maxActiveRuns: parts.limits.maxActiveRuns }),
    metrics: { contentType: metrics.contentType, metrics: () => metrics.expose() },
    retention,
    observeRequest: httpMeter(metrics),
    predictions: predictionCounts,
    predictionCounts,
    scores: predictions.scores,
    modelMemory: new ModelMemory({ store, broker, topology }),
    modelChanged: (model) => predictions.changed(model),
  })

  let server: HttpServer | null = null
  const services: Service[] = [
    new ClockWatch({ clock, logger: logger.child({ component: 'clock' }), metrics }),
    { name: 'workers', start: () => workers.start(), stop: async () => {} },
    { name: 'undelivered', start: () => undelivered.start(), stop: () => undelivered.stop() },
    predictions,
    { name: 'live-feed', start: () => liveFeed.start(), stop: async () => liveFeed.close() },
    { name: 'live-publisher', start: async () => {}, stop: () => livePublisher.stop() },
    { name: 'disk-guard', start: () => disk.start(), stop: async () => disk.stop() },
    { name: 'intake', start: async () => {}, stop: async () => intake.stop() },
    admission,
    { name: 'engine', start: () => engine.start(), stop: () => engine.stop() },
    new Beat({
      ...parts,
      // What it publishes is read on other machines.
      clock: systemClock,
      broker,
      name,
      logger: logger.child({ component: 'beat' }),
      metrics: createBeatMetrics(metrics),
      admission,
    }),
    new Housekeeper({ ...parts, logger: logger.child({ component: 'housekeeper' }) }),
    retention,
    new OldTokens({ ...parts, logger: logger.child({ component: 'accounts' }) }),
    {
      name: 'http',
      start: async () => {
        server = await startHttpServer(api, parts.http)
      },
      stop: async () => {
        // Open streams would hold the server up for its whole grace.
        liveFeed.close()
        await server?.stop()
      },
    },
  ]
  const running = await startServices(services, { logger })
  const { url } = server as unknown as HttpServer
  logger.info({ url }, 'scheduler started')
  return { url, partitions: () => engine.partitions, stop: () => running.stop() }
}
