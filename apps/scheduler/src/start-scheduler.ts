import { hostname } from 'node:os'
import type { Topology } from '@celeriac/broker'
import type { AlgorithmCatalog } from '@celeriac/contracts'
import { messageOf, type Broker, type Clock, type Store } from '@celeriac/core'
import {
  newId,
  startServices,
  type ArtifactLayout,
  type Logger,
  type MetricsRegistry,
  type Service,
} from '@celeriac/runtime'
import { Engine } from './engine/engine.ts'
import { createEngineMetrics, engineMetricTable } from './engine/metrics.ts'
import { UndeliveredConsumer } from './engine/undelivered-consumer.ts'
import { WorkerRegistry } from './engine/worker-registry.ts'
import { createApi } from './http/api.ts'
import type { Readiness } from './http/api-deps.ts'
import { httpMetricTable } from './http/metrics.ts'
import { startHttpServer, type HttpServer } from './http/server.ts'
import { PredictClient } from './predict-client.ts'

export interface SchedulerParts {
  readonly store: Store
  readonly broker: Broker
  readonly topology: Topology
  readonly algorithms: AlgorithmCatalog
  readonly artifacts: ArtifactLayout
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics: MetricsRegistry
  readonly http: { readonly host: string; readonly port: number }
  readonly token: string
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
  const { store, broker, topology, clock, metrics } = parts
  const name = `scheduler-${hostname()}-${process.pid}-${newId().slice(-6)}`
  const logger = parts.logger.child({ scheduler: name })
  const gauges = metrics.register(engineMetricTable)
  const engine = new Engine({
    ...parts,
    name,
    logger: logger.child({ component: 'engine' }),
    metrics: createEngineMetrics(metrics),
    random: Math.random,
  })
  const workers = new WorkerRegistry({ broker, topology, clock, name })
  const undelivered = new UndeliveredConsumer({
    ...parts,
    name,
    logger: logger.child({ component: 'undelivered' }),
  })
  const predict = new PredictClient({ broker, topology, clock, name })
  const observeHttp = metrics.register(httpMetricTable)
  const api = createApi({
    ...parts,
    logger: logger.child({ component: 'http' }),
    newId,
    workers: () => workers.live(),
    readiness: () => readinessOf(store, broker),
    metrics: {
      contentType: metrics.contentType,
      metrics: () => {
        gauges.openRuns.set(engine.openRuns)
        gauges.backlog.set(engine.backlog)
        gauges.partitions.set(engine.partitions.length)
        return metrics.expose()
      },
    },
    observeRequest: ({ method, route, status, durationMs }) =>
      observeHttp.requests.observe({ method, route, status: String(status) }, durationMs / 1_000),
    predict: (request) => predict.predict(request),
  })

  let server: HttpServer | null = null
  const services: Service[] = [
    { name: 'workers', start: () => workers.start(), stop: async () => {} },
    { name: 'undelivered', start: () => undelivered.start(), stop: () => undelivered.stop() },
    { name: 'predict', start: () => predict.start(), stop: () => predict.stop() },
    { name: 'engine', start: () => engine.start(), stop: () => engine.stop() },
    {
      name: 'http',
      start: async () => {
        server = await startHttpServer(api, parts.http)
      },
      stop: async () => server?.stop(),
    },
  ]
  const running = await startServices(services, { logger })
  const { url } = server as unknown as HttpServer
  logger.info({ url }, 'scheduler started')
  return { url, partitions: () => engine.partitions, stop: () => running.stop() }
}

async function readinessOf(store: Store, broker: Broker): Promise<Readiness> {
  const database = await store.ping().then(
    () => 'ok',
    (error: unknown) => messageOf(error),
  )
  const checks = { database, broker: broker.state === 'open' ? 'ok' : broker.state }
  return { ready: Object.values(checks).every((check) => check === 'ok'), checks }
}
