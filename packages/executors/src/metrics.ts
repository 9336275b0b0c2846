import type { MetricsRegistry } from '@celeriac/runtime'
import type { PoolCounts } from './local/child-pool.ts'

/** Metrics of the executors; the reference page lists the same (test-synced). */
export const executorMetricTable = {
  processes: {
    type: 'gauge',
    name: 'executor_processes',
    help: 'Python processes of the pool, by state.',
    labels: { executor: ['local'], state: ['starting', 'idle', 'busy'] },
  },
  waiting: {
    type: 'gauge',
    name: 'executor_waiting',
    help: 'Attempts and predictions that wait for a process.',
    labels: { executor: ['local'] },
  },
} as const

/** What a pool is doing. */
export interface ExecutorCounts extends PoolCounts {
  /** Attempts and predictions that wait for a process. */
  readonly waiting: number
}

/** Registers the metrics; the returned function sets them. */
export function executorGauges(
  registry: MetricsRegistry,
  executor: string,
): (counts: ExecutorCounts) => void {
  const metrics = registry.register(executorMetricTable)
  const [starting, idle, busy] = (['starting', 'idle', 'busy'] as const).map((state) =>
    metrics.processes.labels({ executor, state }),
  )
  const waiting = metrics.waiting.labels({ executor })
  return (counts) => {
    starting?.set(counts.starting)
    idle?.set(counts.idle)
    busy?.set(counts.busy)
    waiting.set(counts.waiting)
  }
}
