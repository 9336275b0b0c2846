import { executorNames } from '@celeriac/broker'
import type { SlotCounts } from '@celeriac/contracts'
import type { AttemptOutcome } from '@celeriac/core'
import type { MetricsOf } from '@celeriac/runtime'

const outcomes = ['succeeded', 'failed', 'revoked'] as const satisfies readonly AttemptOutcome['status'][]

/** What a worker does with a delivery on an executor queue. */
const dispositions = [
  'acked',
  'handed_over',
  'requeued',
  'duplicate',
  'malformed',
  'unknown_version',
  'expired',
  'revoked',
  'unknown_task',
] as const

/** Metrics of the task worker; the reference page lists the same (test-synced). */
export const taskWorkerMetricTable = {
  finished: {
    type: 'counter',
    name: 'attempts_finished_total',
    help: 'Attempts whose result was confirmed by the broker.',
    labels: { executor: executorNames, outcome: outcomes },
  },
  runDuration: {
    type: 'histogram',
    name: 'attempt_run_duration_seconds',
    help: 'Time from the start of an attempt by its executor to its outcome.',
    labels: { executor: executorNames },
  },
  running: {
    type: 'gauge',
    name: 'tasks_running',
    help: 'Attempts that an executor is working on.',
    labels: { executor: executorNames },
  },
  slots: {
    type: 'gauge',
    name: 'worker_slots',
    help: 'Attempts that this worker can run at a time, by use.',
    labels: { executor: executorNames, state: ['busy', 'free'] },
  },
  deliveries: {
    type: 'counter',
    name: 'broker_deliveries_total',
    help: 'Deliveries on executor queues, by what was done with them.',
    labels: { disposition: dispositions },
  },
} as const

export type TaskWorkerMetrics = MetricsOf<typeof taskWorkerMetricTable>

type Outcome = AttemptOutcome['status']

/** The metrics of one queue, with their labels looked up once: an attempt must not pay for it. Milliseconds. */
export interface QueueMeters {
  /** Attempts that run, and attempts that could run besides. */
  slots(counts: SlotCounts): void
  executed(durationMs: number): void
  finished(outcome: Outcome): void
  delivery(disposition: (typeof dispositions)[number]): void
}

export function createQueueMeters(metrics: TaskWorkerMetrics, executor: string): QueueMeters {
  const duration = metrics.runDuration.labels({ executor })
  const byOutcome = Object.fromEntries(
    outcomes.map((outcome) => [outcome, metrics.finished.labels({ executor, outcome })]),
  )
  const byDisposition = Object.fromEntries(
    dispositions.map((disposition) => [disposition, metrics.deliveries.labels({ disposition })]),
  )
  return {
    slots: ({ busy, free }) => {
      metrics.running.set({ executor }, busy)
      metrics.slots.set({ executor, state: 'busy' }, busy)
      metrics.slots.set({ executor, state: 'free' }, free)
    },
    executed: (durationMs) => duration.observe(durationMs / 1_000),
    finished: (outcome) => byOutcome[outcome]?.inc(),
    delivery: (disposition) => byDisposition[disposition]?.inc(),
  }
}
