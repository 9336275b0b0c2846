import type { MetricsRegistry, MetricTable } from '@celeriac/runtime'

export const runtimes = ['native', 'python'] as const
/** Where a row is scored: in the worker's own process, or in a Python process. */
export type Runtime = (typeof runtimes)[number]

const outcomes = ['ok', 'invalid', 'shed', 'deadline', 'failed'] as const
export type ServingOutcome = (typeof outcomes)[number]

const runtime = { runtime: runtimes }
/** In seconds: from a row of a linear model to a large batch in Python. */
const shortTimes = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
]

/** Metrics of the serving runtime of a worker; the reference page lists the same (test-synced). */
export const servingMetricTable = {
  requests: {
    type: 'counter',
    name: 'serving_requests_total',
    help: 'Calls for predictions that this worker took, by how they ended. A call may carry the rows of many HTTP requests.',
    labels: { outcome: outcomes },
  },
  inferences: {
    type: 'counter',
    name: 'serving_inferences_total',
    help: 'Rows that were scored.',
    labels: runtime,
  },
  executions: {
    type: 'counter',
    name: 'serving_executions_total',
    help: 'Batches that were scored; inferences by executions is the mean size of a batch.',
    labels: runtime,
  },
  batchRows: {
    type: 'histogram',
    name: 'serving_batch_rows',
    help: 'Rows of a batch.',
    labels: runtime,
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 1_024, 4_096],
  },
  queueTime: {
    type: 'histogram',
    name: 'serving_queue_seconds',
    help: 'Time from the arrival of a call in the worker to the start of its scoring.',
    labels: runtime,
    buckets: shortTimes,
  },
  computeTime: {
    type: 'histogram',
    name: 'serving_compute_seconds',
    help: 'Time to score a batch.',
    labels: runtime,
    buckets: shortTimes,
  },
  queuedRows: {
    type: 'gauge',
    name: 'serving_queued_rows',
    help: 'Rows that wait for a Python process.',
  },
  models: {
    type: 'gauge',
    name: 'serving_models_loaded',
    help: 'Models in memory. native: in the process of the worker, also those that Python answers; python: summed over the Python processes.',
    labels: runtime,
  },
  modelBytes: {
    type: 'gauge',
    name: 'serving_model_bytes',
    help: 'Memory that these models take, about.',
    labels: runtime,
  },
  loads: {
    type: 'counter',
    name: 'serving_model_loads_total',
    help: 'Models read into memory.',
    labels: { ...runtime, outcome: ['ok', 'failed'] },
  },
  loadTime: {
    type: 'histogram',
    name: 'serving_model_load_seconds',
    help: 'Time to read a model into memory, with its check against the sample or its warm-up.',
    labels: runtime,
  },
  evictions: {
    type: 'counter',
    name: 'serving_model_evictions_total',
    help: 'Models that left memory: for others, or because they were unloaded.',
    labels: runtime,
  },
  retries: {
    type: 'counter',
    name: 'serving_batch_retries_total',
    help: 'Requests that were scored again by themselves. batch_failed: a row of their batch was refused; process_died: the Python process ended.',
    labels: { reason: ['batch_failed', 'process_died'] },
  },
} as const satisfies MetricTable

/** The metrics of a worker, with their labels looked up once: a row must not pay for it. Milliseconds. */
export interface ServingMeter {
  ended(outcome: ServingOutcome): void
  queued(runtime: Runtime, waitMs: number): void
  scored(runtime: Runtime, rows: number, elapsedMs: number): void
  queuedRows(rows: number): void
  loaded(runtime: Runtime, elapsedMs: number): void
  loadFailed(runtime: Runtime): void
  evicted(runtime: Runtime, count: number): void
  resident(runtime: Runtime, models: number, bytes: number): void
  retried(reason: 'batch_failed' | 'process_died', requests: number): void
}

export function servingMeter(registry: MetricsRegistry): ServingMeter {
  const metrics = registry.register(servingMetricTable)
  const of = (each: Runtime) => ({
    inferences: metrics.inferences.labels({ runtime: each }),
    executions: metrics.executions.labels({ runtime: each }),
    batchRows: metrics.batchRows.labels({ runtime: each }),
    queueTime: metrics.queueTime.labels({ runtime: each }),
    computeTime: metrics.computeTime.labels({ runtime: each }),
  })
  const byRuntime = { native: of('native'), python: of('python') }
  const byOutcome = Object.fromEntries(
    outcomes.map((outcome) => [outcome, metrics.requests.labels({ outcome })]),
  )
  return {
    ended: (outcome) => byOutcome[outcome]?.inc(),
    queued: (each, waitMs) => byRuntime[each].queueTime.observe(waitMs / 1_000),
    scored: (each, rows, elapsedMs) => {
      const meters = byRuntime[each]
      meters.inferences.inc(rows)
      meters.executions.inc()
      meters.batchRows.observe(rows)
      meters.computeTime.observe(elapsedMs / 1_000)
    },
    queuedRows: (rows) => metrics.queuedRows.set(rows),
    loaded: (each, elapsedMs) => {
      metrics.loads.inc({ runtime: each, outcome: 'ok' })
      metrics.loadTime.observe({ runtime: each }, elapsedMs / 1_000)
    },
    loadFailed: (each) => metrics.loads.inc({ runtime: each, outcome: 'failed' }),
    evicted: (each, count) => metrics.evictions.inc({ runtime: each }, count),
    resident: (each, models, bytes) => {
      metrics.models.set({ runtime: each }, models)
      metrics.modelBytes.set({ runtime: each }, bytes)
    },
    retried: (reason, requests) => metrics.retries.inc({ reason }, requests),
  }
}
