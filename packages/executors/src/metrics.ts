import type { MetricsRegistry, MetricTable } from '@celeriac/runtime'
import type { PoolCounts, ReplacementReason } from './local/child-pool.ts'

const replacementReasons = [
  'recycled',
  'killed',
  'died',
  'start_failed',
] as const satisfies readonly ReplacementReason[]

/** Operators run in `local`; `predict` answers predictions, and has no process before the first model that needs one. */
const poolNames = ['local', 'predict']

/** Metrics of the executors; the reference page lists the same (test-synced). */
export const executorMetricTable = {
  processes: {
    type: 'gauge',
    name: 'executor_processes',
    help: 'Python processes of the pool, by state.',
    labels: { executor: poolNames, state: ['starting', 'idle', 'busy'] },
  },
  waiting: {
    type: 'gauge',
    name: 'executor_waiting',
    help: 'Attempts that wait for a process; in predict: models with rows to score or to load.',
    labels: { executor: poolNames },
  },
  restarts: {
    type: 'counter',
    name: 'executor_process_restarts_total',
    help: 'Python processes that were replaced. recycled: had its share of attempts; killed: its attempt was stopped or left it unsound; died: by itself or its operator; start_failed: was never ready.',
    labels: { executor: poolNames, reason: replacementReasons },
  },
} as const satisfies MetricTable

/** What a pool is doing. */
export interface ExecutorCounts extends PoolCounts {
  /** Attempts and predictions that wait for a process. */
  readonly waiting: number
}

/** What an executor reports about its processes. */
export interface ExecutorMeter {
  set(counts: ExecutorCounts): void
  replaced(why: ReplacementReason): void
}

export function executorMeter(registry: MetricsRegistry, executor: string): ExecutorMeter {
  const metrics = registry.register(executorMetricTable)
  const [starting, idle, busy] = (['starting', 'idle', 'busy'] as const).map((state) =>
    metrics.processes.labels({ executor, state }),
  )
  const waiting = metrics.waiting.labels({ executor })
  return {
    set: (counts) => {
      starting?.set(counts.starting)
      idle?.set(counts.idle)
      busy?.set(counts.busy)
      waiting.set(counts.waiting)
    },
    replaced: (reason) => metrics.restarts.inc({ executor, reason }),
  }
}
