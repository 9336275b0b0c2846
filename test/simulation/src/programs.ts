/** The real programs: a scheduler's engine and a worker, put together as their composition roots do. */
import type { Topology } from '@celeriac/broker'
import type { Store } from '@celeriac/core'
import { artifactLayout, createMetrics, type Logger } from '@celeriac/runtime'
import { createTaskWorker } from '@celeriac/tasks'
import type { EngineMetrics } from '../../../apps/scheduler/src/engine/metrics.ts'
import { Engine } from '../../../apps/scheduler/src/engine/engine.ts'
import { UndeliveredConsumer } from '../../../apps/scheduler/src/engine/undelivered-consumer.ts'
import { WorkerRegistry } from '../../../apps/scheduler/src/engine/worker-registry.ts'
import type { ScriptedExecutor } from './scripted-executor.ts'
import type { SimBroker } from './sim-broker.ts'
import type { SimProcess } from './sim-process.ts'

export interface Program {
  start(): Promise<void>
  /** As after SIGTERM. */
  stop(): Promise<void>
}

export interface ProgramParts {
  readonly process: SimProcess
  readonly broker: SimBroker
  readonly topology: Topology
  readonly logger: Logger
}

/** Counted for nobody, but the workers want one. */
const registry = createMetrics({ processMetrics: false })

export function createScheduler(
  parts: ProgramParts & {
    readonly store: Store
    readonly metrics: EngineMetrics
    readonly random: () => number
  },
): Program {
  const { process, broker, topology, logger, store, metrics, random } = parts
  const deps = { store, broker, topology, clock: process.steadyClock, logger, name: process.name }
  const workers = new WorkerRegistry({ ...deps, onLeases: (event) => engine.workerHeard(event) })
  const engine = new Engine({
    ...deps,
    artifacts: artifactLayout('file:///artifacts'),
    metrics,
    random,
    workers,
  })
  const undelivered = new UndeliveredConsumer(deps)
  return {
    start: async () => {
      await broker.start()
      await workers.start()
      await undelivered.start()
      await engine.start()
    },
    stop: async () => {
      await engine.stop()
      await undelivered.stop()
      await broker.stop()
    },
  }
}

export interface WorkerSettings {
  readonly nodeName: string
  readonly concurrency: number
  readonly drainTimeoutMs: number
  readonly handOverAfterMs: number
}

export function createWorker(
  parts: ProgramParts & { readonly executor: ScriptedExecutor; readonly settings: WorkerSettings },
): Program {
  const { process, broker, topology, logger, executor, settings } = parts
  const worker = createTaskWorker({
    ...settings,
    broker,
    topology,
    logger,
    clock: process.clock,
    metrics: registry,
    executors: new Map([[topology.executorQueue('local'), executor]]),
  })
  return {
    start: async () => {
      await broker.start()
      await worker.start()
    },
    stop: async () => {
      await worker.stop()
      await broker.stop()
    },
  }
}
