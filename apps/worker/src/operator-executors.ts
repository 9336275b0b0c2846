import type { Topology } from '@celeriac/broker'
import type { Clock, Executor } from '@celeriac/core'
import { createLocalExecutor, loadDeployment, ModelServer, type LocalExecutor } from '@celeriac/executors'
import { systemClock, type Logger, type MetricsRegistry } from '@celeriac/runtime'
import type { TaskWorkerOptions } from '@celeriac/tasks'
import type { WorkerConfig } from './config.ts'
import { logLimitsOf, type LogSettings } from './log-limits.ts'
import { pythonCommand } from './python-command.ts'
import { executorsByQueue } from './worker-executors.ts'

export type OperatorSettings = Pick<
  WorkerConfig,
  'executor' | 'concurrency' | 'python' | 'algorithmsDir' | 'taskMemoryMib' | 'maxTasksPerChild'
> &
  Partial<LogSettings> &
  Partial<Pick<WorkerConfig, 'predictProcesses' | 'predictMemoryMib'>>

/** What runs the operators of a worker. */
export interface OperatorExecutors {
  readonly byQueue: ReadonlyMap<string, Executor>
  readonly predict: NonNullable<TaskWorkerOptions['predict']> | null
  /** The Python pool of operators; null where `local` is not served: it is not started then. */
  readonly pool: LocalExecutor | null
}

const none: OperatorExecutors = { byQueue: new Map(), predict: null, pool: null }

/**
 * Calls that a worker holds: enough to fill batches and to hide the way to the broker, few enough that the queue shares
 * out what waits among the workers.
 */
const predictPrefetch = 32

/** Rejects with CONFIG_INVALID: an unknown executor, or a module that cannot be loaded. */
export async function operatorExecutors(
  served: readonly string[],
  settings: OperatorSettings,
  parts: {
    readonly topology: Topology
    readonly logger: Logger
    readonly clock: Clock
    readonly metrics: MetricsRegistry
  },
): Promise<OperatorExecutors> {
  // A worker of plain tasks alone needs no Python.
  if (served.length === 0) return none
  const { topology, logger, clock, metrics } = parts
  const { concurrency, taskMemoryMib, maxTasksPerChild } = settings
  const python = await pythonCommand(settings)
  const logs = logLimitsOf(settings)
  const local = createLocalExecutor({
    python,
    poolSize: concurrency,
    logger,
    clock,
    metrics,
    limits: {
      logs,
      maxTasksPerChild,
      memoryBytes: taskMemoryMib === null ? null : taskMemoryMib * 1_048_576,
    },
  })
  const byQueue = await executorsByQueue(served, {
    topology,
    local,
    modules: settings.executor,
    context: { concurrency, logger, python },
    logs,
  })
  // Also without predictions, so that every worker exposes the same series.
  const server = new ModelServer({
    load: loadDeployment,
    python,
    logger,
    // Deadlines are read on other machines.
    clock: systemClock,
    metrics,
    ...(settings.predictProcesses === undefined ? {} : { processes: settings.predictProcesses }),
    ...(settings.predictMemoryMib === undefined
      ? {}
      : { limits: { memoryBytes: settings.predictMemoryMib * 1_048_576 } }),
  })
  const predict = served.includes('predict')
    ? { queue: topology.executorQueue('predict'), runtime: server, prefetch: predictPrefetch }
    : null
  return { byQueue, predict, pool: served.includes('local') ? local : null }
}
