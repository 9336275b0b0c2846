import {
  finalOperatorTaskStates,
  finalRunStates,
  isFinalTaskState,
  type EngineEvent,
  type OperatorTask,
  type RunHead,
} from '@celeriac/core'
import type { MetricsRegistry, MetricTable } from '@celeriac/runtime'
import type { EventDisposition } from './batch-draft.ts'

/** Metrics of the engine; `docs/reference/metrics.md` lists the same (test-synced). */
export const engineMetricTable = {
  events: {
    type: 'counter',
    name: 'engine_events_total',
    help: 'Engine events by type and what became of them.',
    labels: { event: 'open', disposition: 'open' },
  },
  batches: {
    type: 'histogram',
    name: 'engine_batch_duration_seconds',
    help: 'Time to advance and commit one batch.',
  },
  batchSize: {
    type: 'histogram',
    name: 'engine_batch_events',
    help: 'Events per committed batch.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
  },
  published: {
    type: 'counter',
    name: 'tasks_published_total',
    help: 'Operator task messages confirmed by the broker.',
  },
  finished: {
    type: 'counter',
    name: 'tasks_finished_total',
    help: 'Operator tasks that reached a final state.',
    labels: { outcome: finalOperatorTaskStates },
  },
  retries: {
    type: 'counter',
    name: 'task_retries_total',
    help: 'Attempts that failed and will be tried again, by error code.',
    labels: { reason: 'open' },
  },
  queueWait: {
    type: 'histogram',
    name: 'task_queue_wait_seconds',
    help: 'Time from ready to the start of the attempt.',
  },
  runDuration: {
    type: 'histogram',
    name: 'task_run_duration_seconds',
    help: 'Time from start to end of an attempt.',
  },
  runs: {
    type: 'counter',
    name: 'dag_runs_finished_total',
    help: 'Runs that reached a final state.',
    labels: { outcome: finalRunStates },
  },
  openRuns: { type: 'gauge', name: 'engine_open_runs', help: 'Runs in the memory of this scheduler.' },
  backlog: { type: 'gauge', name: 'engine_backlog_events', help: 'Events received and not processed yet.' },
  partitions: {
    type: 'gauge',
    name: 'engine_partitions_owned',
    help: 'Partitions that this scheduler owns.',
  },
} as const satisfies MetricTable

/** What the engine reports; durations in milliseconds. */
export interface EngineMetrics {
  event(type: EngineEvent['type'] | 'stale' | 'malformed', disposition: EventDisposition): void
  batch(events: number, durationMs: number): void
  published(count: number): void
  /** A stored change of an operator task. */
  task(task: OperatorTask): void
  runFinished(head: RunHead): void
}

export function createEngineMetrics(registry: MetricsRegistry): EngineMetrics {
  const metrics = registry.register(engineMetricTable)
  // Looking a child up by its labels costs more than counting.
  const counters = new Map<string, { inc(): void }>()
  const counterOf = (event: string, disposition: EventDisposition): { inc(): void } => {
    const key = `${event}/${disposition}`
    const known = counters.get(key)
    if (known !== undefined) return known
    const counter = metrics.events.labels({ event, disposition })
    counters.set(key, counter)
    return counter
  }
  return {
    event: (event, disposition) => counterOf(event, disposition).inc(),
    batch: (events, durationMs) => {
      metrics.batchSize.observe(events)
      metrics.batches.observe(durationMs / 1_000)
    },
    published: (count) => metrics.published.inc(count),
    task: (task) => {
      if (task.state === 'retry_wait') metrics.retries.inc({ reason: task.error?.code ?? 'unknown' })
      if (!isFinalTaskState(task.state)) return
      metrics.finished.inc({ outcome: task.state })
      if (task.startedAt === null || task.finishedAt === null) return
      // Two machines' clocks: a start may seem to lie before the dispatch, or after the end.
      metrics.runDuration.observe(Math.max(0, task.finishedAt - task.startedAt) / 1_000)
      if (task.readyAt !== null) metrics.queueWait.observe(Math.max(0, task.startedAt - task.readyAt) / 1_000)
    },
    runFinished: (head) => metrics.runs.inc({ outcome: head.state }),
  }
}
