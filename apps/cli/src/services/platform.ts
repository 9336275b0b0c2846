/**
 * The whole platform in one process: store → brokers → scheduler → worker, started in this order and stopped in
 * reverse, so that results of the last attempts still reach the engine. Scheduler and worker have a connection each, as
 * they would as processes of their own; without RabbitMQ both are clients of one broker in memory.
 */
import {
  buildTopology,
  createAmqpBroker,
  createMemoryBroker,
  createMemoryServer,
  type Topology,
} from '@celeriac/broker'
import type { Broker, Store } from '@celeriac/core'
import {
  artifactLayout,
  artifactRootUrl,
  createMetrics,
  createSteadyClock,
  startServices,
  systemClock,
  type Logger,
  type MetricsRegistry,
  type Service,
} from '@celeriac/runtime'
import {
  adminToken,
  retentionPolicyOf,
  runLimitsOf,
  startScheduler,
  type AdminToken,
  type RunningScheduler,
} from '@celeriac/scheduler'
import { createPgliteStore, createPgStore, storeMeter } from '@celeriac/store'
import { ownExecutorsOf, startWorker, type RunningWorker } from '@celeriac/worker'
import { join } from 'node:path'
import { noteServer } from '../client/admin-token-file.ts'
import { installedAlgorithms } from '../installed-algorithms.ts'
import { cliVersion } from '../version.ts'
import type { StandaloneConfig } from './standalone-config.ts'

export interface Platform {
  readonly services: readonly Service[]
  /** Address and admin token of the API; throws before the scheduler has started. */
  readonly entrance: () => Entrance
}

export interface Entrance {
  readonly url: string
  readonly token: AdminToken
}

/** The parts as services, not started yet. */
export async function buildPlatform(config: StandaloneConfig, logger: Logger): Promise<Platform> {
  const topology = buildTopology({ prefix: config.queuePrefix, executors: ownExecutorsOf(config) })
  const algorithms = await installedAlgorithms(config.algorithmsDir)
  const metrics = createMetrics()
  const clock = createSteadyClock()
  const store = openStore(config, metrics, logger)
  const connect = brokerFactory(config, topology, logger)
  const schedulerBroker = connect('scheduler')
  const workerBroker = connect('worker')
  let entrance: Entrance | null = null
  let scheduler: RunningScheduler | null = null
  let worker: RunningWorker | null = null
  const services: Service[] = [
    { name: 'store', start: () => store.start(), stop: () => store.stop() },
    { name: 'scheduler-broker', start: () => schedulerBroker.start(), stop: () => schedulerBroker.stop() },
    { name: 'worker-broker', start: () => workerBroker.start(), stop: () => workerBroker.stop() },
    {
      name: 'scheduler',
      start: async () => {
        // Only now, so that a start that fails has not used up the one time that the token is announced.
        const token = await adminToken(config)
        scheduler = await startScheduler({
          store,
          broker: schedulerBroker,
          topology,
          algorithms,
          artifacts: artifactLayout(artifactRootUrl(config)),
          logger,
          clock,
          retention: retentionPolicyOf(config),
          metrics,
          http: { host: config.httpHost, port: config.httpPort },
          limits: runLimitsOf(config),
          minFreeBytes: config.minFreeDiskMib * 1_048_576,
          token: token.token,
          isRegistrationOpen: config.registration === 'open',
          registeredRole: config.registrationRole,
          isArticlesJsonDouble: config.compatDoubleJson,
          isBehindProxy: config.trustProxy,
          invocationsModel: config.invocationsModel,
          version: cliVersion,
        })
        entrance = { url: scheduler.url, token }
        await noteServer(config.dataDir, entrance)
      },
      stop: async () => scheduler?.stop(),
    },
    {
      name: 'worker',
      start: async () => {
        worker = await startWorker({
          broker: workerBroker,
          topology,
          settings: { ...config, queues: queuesOf(config, topology) },
          logger,
          clock,
          metrics,
          http: null,
          version: cliVersion,
        })
      },
      stop: async () => worker?.stop(),
      abort: async () => worker?.abort(),
    },
  ]
  return {
    services,
    entrance: () => {
      if (entrance === null) throw new Error('the scheduler has not started')
      return entrance
    },
  }
}

/** Everything that one process can serve: the executors, and with `--import` the queue of plain tasks. */
const queuesOf = ({ executor, import: modules }: StandaloneConfig, { celeryQueue }: Topology): string[] => [
  'local',
  'predict',
  ...Object.keys(executor),
  ...(modules.length > 0 ? [celeryQueue] : []),
]

function openStore(config: StandaloneConfig, metrics: MetricsRegistry, logger: Logger): Store {
  const onOperation = storeMeter(metrics)
  return config.databaseUrl === null
    ? createPgliteStore({ dataDir: join(config.dataDir, 'pglite'), onOperation })
    : createPgStore({ url: config.databaseUrl, logger, onOperation })
}

function brokerFactory(
  config: StandaloneConfig,
  topology: Topology,
  logger: Logger,
): (name: string) => Broker {
  const { amqpUrl, amqpHeartbeatS: heartbeatS } = config
  if (amqpUrl !== null)
    return (name) => createAmqpBroker({ url: amqpUrl, heartbeatS, topology, name, logger })
  const server = createMemoryServer({ topology, clock: systemClock })
  return () => createMemoryBroker({ server, logger })
}

/** Starts everything; gives its address and its end. For programs that use the platform and leave. */
export async function startPlatform(
  config: StandaloneConfig,
  logger: Logger,
): Promise<Entrance & { stop(): Promise<void> }> {
  const { services, entrance } = await buildPlatform(config, logger)
  const running = await startServices(services, { logger })
  return { ...entrance(), stop: () => running.stop() }
}
