import type { MetricsOf } from '@celeriac/runtime'
import type { Settlement } from './settlement.ts'

const outcomes = [
  'succeeded',
  'failed',
  'retried',
  'revoked',
  'ignored',
  'replaced',
  'rejected',
  'returned',
] as const satisfies readonly Settlement['outcome'][]

/** Metrics of plain tasks; the reference page lists the same (test-synced). */
export const plainTaskMetricTable = {
  finished: {
    type: 'counter',
    name: 'plain_tasks_finished_total',
    help: 'Plain tasks that ended, by queue and outcome; `returned` went back to their queue.',
    labels: { queue: 'open', outcome: outcomes },
  },
  runDuration: {
    type: 'histogram',
    name: 'plain_task_run_duration_seconds',
    help: 'Time that the handlers of plain tasks took, by queue.',
    labels: { queue: 'open' },
  },
  active: {
    type: 'gauge',
    name: 'plain_tasks_active',
    help: 'Plain tasks whose handlers run.',
  },
  delayed: {
    type: 'counter',
    name: 'plain_tasks_delayed_total',
    help: 'Plain tasks that were published again to wait on the broker, by reason.',
    labels: { reason: ['eta', 'rate_limit'] },
  },
  malformed: {
    type: 'counter',
    name: 'plain_tasks_malformed_total',
    help: 'Messages on queues of plain tasks that were parked.',
  },
  duplicates: {
    type: 'counter',
    name: 'plain_tasks_duplicate_total',
    help: 'Repeated deliveries of plain tasks that were answered without running them again.',
  },
} as const

export type PlainTaskMetrics = MetricsOf<typeof plainTaskMetricTable>

/** The metrics of the tasks of one queue. */
export interface TaskMeters {
  executed(durationMs: number): void
  finished(outcome: Settlement['outcome']): void
}

/** Gives the meters of a queue, with their labels looked up once: a task must not pay for it. */
export function createTaskMeters({ finished, runDuration }: PlainTaskMetrics): (queue: string) => TaskMeters {
  const byQueue = new Map<string, TaskMeters>()
  const metersOf = (queue: string): TaskMeters => {
    const duration = runDuration.labels({ queue })
    const byOutcome = new Map<string, ReturnType<typeof finished.labels>>()
    return {
      executed: (durationMs) => duration.observe(durationMs / 1_000),
      finished: (outcome) => {
        let counter = byOutcome.get(outcome)
        if (counter === undefined) byOutcome.set(outcome, (counter = finished.labels({ queue, outcome })))
        counter.inc()
      },
    }
  }
  return (queue) => {
    let meters = byQueue.get(queue)
    if (meters === undefined) byQueue.set(queue, (meters = metersOf(queue)))
    return meters
  }
}
