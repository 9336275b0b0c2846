import { createAmqpBroker, buildTopology, type Topology } from '@celeriac/broker'
import { AppError, type Broker, type Clock, type Executor } from '@celeriac/core'
import { createLocalExecutor, type LocalExecutor } from '@celeriac/executors'
import { createMetrics, newId, systemClock, type Logger, type MetricsRegistry } from '@celeriac/runtime'
import { createTaskWorker } from '@celeriac/tasks'
import { hostname } from 'node:os'
import { createArtifactLogs } from './artifact-logs.ts'
import type { WorkerConfig } from './config.ts'
import { createHealthApp, startHealthServer, type HealthServer } from './http-server.ts'
import { pythonCommand } from './python-command.ts'

/** What of the configuration a worker needs that is given its broker. */
export type WorkerSettings = Pick<
  WorkerConfig,
  | 'queues'
  | 'concurrency'
  | 'name'
  | 'python'
  | 'algorithmsDir'
  | 'taskMemoryMib'
  | 'maxTasksPerChild'
  | 'drainTimeoutS'
>

export interface WorkerParts {
  /** Started; it stays open when the worker stops. */
  readonly broker: Broker
  readonly topology: Topology
  readonly settings: WorkerSettings
  readonly logger: Logger
  readonly clock?: Clock
  readonly metrics?: MetricsRegistry
  /** Address of /metrics, /healthz and /readyz; null: not served (embedded workers). */
  readonly http: { readonly host: string; readonly port: number } | null
  readonly version: string
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
 * Starts a worker on an opened broker: the Python pool, the consumers, the health server.
 * Rejects with CONFIG_INVALID (unknown queue, port taken), EXECUTOR_UNAVAILABLE or BROKER_UNAVAILABLE.
 */
export async function startWorker(parts: WorkerParts): Promise<RunningWorker> {
  const { broker, topology, settings, logger } = parts
  const clock = parts.clock ?? systemClock
  const metrics = parts.metrics ?? createMetrics()
  const nodeName = settings.name ?? `worker-${newId().slice(-8)}@${hostname()}`
  const executor = createLocalExecutor({
    python: await pythonCommand(settings),
    poolSize: settings.concurrency,
    logger,
    clock,
    metrics,
    limits: {
      maxTasksPerChild: settings.maxTasksPerChild,
      memoryBytes: settings.taskMemoryMib === null ? null : settings.taskMemoryMib * 1_048_576,
    },
  })
  const worker = createTaskWorker({
    broker,
    topology,
    executors: queuesOf(settings.queues, topology, executor),
    ...(settings.queues.includes('predict')
      ? {
          predict: {
            queue: topology.executorQueue('predict'),
            executor,
            prefetch: settings.concurrency * 4,
          },
        }
      : {}),
    concurrency: settings.concurrency,
    nodeName,
    logger,
    clock,
    logs: createArtifactLogs(logger.child({ component: 'logs' })),
    metrics,
    drainTimeoutMs: settings.drainTimeoutS * 1_000,
    version: parts.version,
  })
  await worker.start()
  let server: HealthServer | null = null
  if (parts.http !== null) {
    const app = createHealthApp({
      contentType: metrics.contentType,
      metrics: () => metrics.expose(),
      checks: () => ({
        broker: broker.state === 'open' ? 'ok' : broker.state,
        executor: hasProcess(executor) ? 'ok' : 'no Python process',
        worker: worker.state === 'running' ? 'ok' : worker.state,
      }),
    })
    try {
      server = await startHealthServer(app, parts.http)
    } catch (error) {
      await worker.stop()
      throw error
    }
  }
  logger.info({ worker: nodeName, url: server?.url, versions: executor.versions }, 'worker is ready')
  return {
    nodeName,
    url: server?.url ?? null,
    stop: async () => {
      await worker.stop()
      await server?.stop()
    },
    abort: async () => {
      await worker.abort()
      await server?.stop()
    },
  }
}

function hasProcess(executor: LocalExecutor): boolean {
  const { idle, busy } = executor.counts()
  return idle + busy > 0
}

const knownExecutors = ['local', 'predict']

/** The executor queues to consume. Predictions have a consumer of their own, on the processes of `local`. */
function queuesOf(
  names: readonly string[],
  topology: Topology,
  local: LocalExecutor,
): ReadonlyMap<string, Executor> {
  const unknown = names.filter((name) => !knownExecutors.includes(name))
  const problems = unknown.map((name) => `there is no executor '${name}' in this worker`)
  if (names.length === 0) problems.push('at least one executor is needed')
  if (problems.length > 0)
    throw new AppError('CONFIG_INVALID', 'the configuration has faults', {
      details: {
        problems: problems.map((problem) => ({
          setting: 'queues',
          source: 'CELERIAC_QUEUES',
          message: `${problem}; known: ${knownExecutors.join(', ')}`,
        })),
      },
    })
  return new Map(names.includes('local') ? [[topology.executorQueue('local'), local]] : [])
}

/** Opens a connection to RabbitMQ and starts a worker on it; both end together. */
export async function startDistributedWorker(
  config: WorkerConfig,
  options: { readonly logger: Logger; readonly version: string },
): Promise<RunningWorker> {
  const topology = buildTopology({ prefix: config.queuePrefix })
  const name = config.name ?? `worker-${newId().slice(-8)}@${hostname()}`
  const broker = createAmqpBroker({ url: config.amqpUrl, topology, name, logger: options.logger })
  await broker.start()
  try {
    const worker = await startWorker({
      broker,
      topology,
      settings: { ...config, name },
      logger: options.logger,
      http: { host: config.httpHost, port: config.httpPort },
      version: options.version,
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
