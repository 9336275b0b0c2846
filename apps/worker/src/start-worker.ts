import { createAmqpBroker, buildTopology, measureBroker, type Topology } from '@celeriac/broker'
import type { Broker } from '@celeriac/core'
import type { LocalExecutor } from '@celeriac/executors'
import {
  ClockWatch,
  createMetrics,
  createSteadyClock,
  diskReport,
  newId,
  reportBuild,
  startHttpServer,
  systemClock,
  type HttpServer,
  type Logger,
  type MetricsRegistry,
  type SteadyClock,
} from '@celeriac/runtime'
import { createTaskWorker } from '@celeriac/tasks'
import { hostname } from 'node:os'
import { createArtifactLogs } from './artifact-logs.ts'
import type { WorkerConfig } from './config.ts'
import { watchDisk, type DiskSettings } from './disk.ts'
import { createHealthApp } from './http-server.ts'
import { operatorExecutors, type OperatorSettings } from './operator-executors.ts'
import { noPlainTasks, plainTasksOf, type PlainTaskSettings } from './plain-tasks.ts'
import { ownExecutorsOf } from './worker-executors.ts'
import { queuesToServe } from './worker-queues.ts'

/** What of the configuration a worker needs that is given its broker. */
export type WorkerSettings = Pick<WorkerConfig, 'queues' | 'name' | 'drainTimeoutS'> &
  OperatorSettings &
  Partial<PlainTaskSettings> &
  Partial<Pick<WorkerConfig, 'handOverAfterS'>> &
  Partial<DiskSettings>

export interface WorkerParts {
  /** Started; it stays open when the worker stops. */
  readonly broker: Broker
  readonly topology: Topology
  readonly settings: WorkerSettings
  readonly logger: Logger
  /** Shared with a scheduler in this process, which then watches it. @default one of its own */
  readonly clock?: SteadyClock
  readonly metrics?: MetricsRegistry
  /** Address of /metrics, /healthz and /readyz; null: not served (embedded workers). */
  readonly http: { readonly host: string; readonly port: number } | null
  readonly version: string
  /** Told by remote control to end. @default the worker stops, the program goes on */
  readonly onShutdown?: () => void
}

export interface RunningWorker {
  readonly nodeName: string
  /** Address of /metrics; null when it is not served. */
  readonly url: string | null
  /** Takes no more tasks, lets the running ones finish or hands them back. */
  stop(): Promise<void>
  /** Ends at once; what ran goes back to the queue. Also during a `stop`. */
  abort(): Promise<void>
}

/**
 * Starts a worker on an opened broker: the Python pool, the plain tasks, the consumers, the health server.
 * Rejects with CONFIG_INVALID (unknown queue, port taken), EXECUTOR_UNAVAILABLE or BROKER_UNAVAILABLE.
 */
export async function startWorker(parts: WorkerParts): Promise<RunningWorker> {
  const { topology, logger } = parts
  const settings = { ...noPlainTasks, ...parts.settings }
  const clock = parts.clock ?? createSteadyClock()
  const metrics = parts.metrics ?? createMetrics()
  const clockWatch =
    parts.clock === undefined
      ? new ClockWatch({ clock, logger: logger.child({ component: 'clock' }), metrics })
      : null
  const broker = measureBroker(parts.broker, metrics)
  reportBuild(metrics, { service: 'worker', version: parts.version })
  const nodeName = settings.name ?? `worker-${newId().slice(-8)}@${hostname()}`
  const served = queuesToServe(settings, topology)
  const operators = await operatorExecutors(served.executors, settings, { topology, logger, clock, metrics })
  const plain = served.plain.length === 0 ? null : await plainTasksOf(settings, served.plain, logger)
  const worker = createTaskWorker({
    broker,
    topology,
    executors: operators.byQueue,
    ...(operators.predict === null ? {} : { predict: operators.predict }),
    ...(plain === null ? {} : { plain }),
    ...(parts.onShutdown === undefined ? {} : { onShutdown: parts.onShutdown }),
    concurrency: settings.concurrency,
    nodeName,
    logger,
    // ETAs, expiries and the times of events are read on other machines. Time limits are timers, and the executors'.
    clock: systemClock,
    logs: createArtifactLogs(logger.child({ component: 'logs' })),
    metrics,
    drainTimeoutMs: settings.drainTimeoutS * 1_000,
    ...(settings.handOverAfterS === undefined ? {} : { handOverAfterMs: settings.handOverAfterS * 1_000 }),
    version: parts.version,
  })
  const { pool } = operators
  const disk = watchDisk(settings, worker, { clock, logger })
  await disk.start()
  try {
    await worker.start()
  } catch (error) {
    disk.stop()
    throw error
  }
  await clockWatch?.start()
  let server: HttpServer | null = null
  if (parts.http !== null) {
    const app = createHealthApp({
      version: parts.version,
      contentType: metrics.contentType,
      metrics: () => metrics.expose(),
      checks: () => ({
        broker: broker.state === 'open' ? 'ok' : broker.state,
        ...(pool === null ? {} : { executor: hasProcess(pool) ? 'ok' : 'no Python process' }),
        ...(plain === null ? {} : { tasks: worker.isConsuming ? 'ok' : 'a queue has no consumer' }),
        ...(operators.byQueue.size === 0 ? {} : { disk: diskReport(disk.state) }),
        worker: worker.state === 'running' ? 'ok' : worker.state,
      }),
    })
    try {
      server = await startHttpServer(app, { ...parts.http, requestTimeoutMs: 10_000, graceMs: 0 })
    } catch (error) {
      disk.stop()
      await clockWatch?.stop()
      await worker.stop()
      throw error
    }
  }
  logger.info({ worker: nodeName, url: server?.url, versions: pool?.versions }, 'worker is ready')
  return {
    nodeName,
    url: server?.url ?? null,
    stop: async () => {
      disk.stop()
      await clockWatch?.stop()
      await worker.stop()
      await server?.stop()
    },
    abort: async () => {
      disk.stop()
      await clockWatch?.stop()
      await worker.abort()
      await server?.stop()
    },
  }
}

function hasProcess(executor: LocalExecutor): boolean {
  const { idle, busy } = executor.counts()
  return idle + busy > 0
}

/** Opens a connection to RabbitMQ and starts a worker on it; both end together. */
export async function startDistributedWorker(
  config: WorkerConfig,
  options: Pick<WorkerParts, 'logger' | 'version' | 'onShutdown'>,
): Promise<RunningWorker> {
  const topology = buildTopology({ prefix: config.queuePrefix, executors: ownExecutorsOf(config) })
  const name = config.name ?? `worker-${newId().slice(-8)}@${hostname()}`
  const broker = createAmqpBroker({
    url: config.amqpUrl,
    heartbeatS: config.amqpHeartbeatS,
    topology,
    name,
    logger: options.logger,
  })
  await broker.start()
  try {
    const worker = await startWorker({
      broker,
      topology,
      ...options,
      settings: { ...config, name },
      http: { host: config.httpHost, port: config.httpPort },
    })
    const withBroker = async (ended: Promise<void>): Promise<void> => {
      await ended
      await broker.stop()
    }
    return {
      nodeName: worker.nodeName,
      url: worker.url,
      stop: () => withBroker(worker.stop()),
      abort: () => withBroker(worker.abort()),
    }
  } catch (error) {
    await broker.stop()
    throw error
  }
}
