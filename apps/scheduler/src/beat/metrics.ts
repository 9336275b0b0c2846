import { skipReasons, type FiringRecord, type Instant, type PublishOutcome } from '@celeriac/core'
import type { MetricsRegistry, MetricTable } from '@celeriac/runtime'

/** `superseded` and `disabled` befall firings that were counted as waiting. */
const outcomes = [
  'started',
  'waiting',
  'failed',
  ...skipReasons.filter((reason) => reason !== 'superseded' && reason !== 'disabled'),
]
const publishOutcomes = ['confirmed', 'unroutable', 'rejected', 'unknown'] as const satisfies PublishOutcome[]

/** Metrics of the beat; `docs/reference/metrics.md` lists the same (test-synced). */
export const beatMetricTable = {
  firings: {
    type: 'counter',
    name: 'schedule_firings_total',
    help: 'Due times of schedules by what became of them: started, waiting for an earlier firing, failed, or why it was skipped. One that waited counts again when it starts.',
    labels: { outcome: outcomes },
  },
  lag: {
    type: 'histogram',
    name: 'schedule_lag_seconds',
    help: 'Time from when a firing was due to when it was started, by the clock of the database; what waited for an earlier firing is not counted.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3_600, 86_400],
  },
  overdue: {
    type: 'gauge',
    name: 'schedule_overdue_seconds',
    help: 'At the last look: age of the oldest due time that nobody had fired yet; 0 when there was none.',
  },
  published: {
    type: 'counter',
    name: 'scheduled_tasks_published_total',
    help: 'Messages of scheduled plain tasks by what the broker said; all but confirmed ones are sent again.',
    labels: { outcome: publishOutcomes },
  },
} as const satisfies MetricTable

/** What the beat reports; times in milliseconds. */
export interface BeatMetrics {
  /** A firing as it was stored. */
  firing(firing: FiringRecord): void
  /** The clock and the earliest due time of a look; null: nothing was due. */
  looked(now: Instant, dueAt: Instant | null): void
  published(outcome: PublishOutcome): void
}

export function createBeatMetrics(registry: MetricsRegistry): BeatMetrics {
  const metrics = registry.register(beatMetricTable)
  return {
    firing({ state, reason, startedAt, createdAt, dueAt }) {
      metrics.firings.inc({ outcome: state === 'skipped' ? (reason ?? state) : state })
      // What waited was created before it was started, in another transaction.
      if (state === 'started' && startedAt === createdAt)
        metrics.lag.observe(Math.max(0, startedAt - dueAt) / 1_000)
    },
    looked(now, dueAt) {
      metrics.overdue.set(dueAt === null ? 0 : Math.max(0, now - dueAt) / 1_000)
    },
    published: (outcome) => metrics.published.inc({ outcome }),
  }
}
