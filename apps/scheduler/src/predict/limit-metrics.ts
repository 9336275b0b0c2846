import type { MetricsRegistry, MetricTable } from '@celeriac/runtime'
import type { AdaptiveLimit } from './adaptive-limit.ts'

/** Of the models that were asked for here, the 100 that were asked for first; in all: `gateway_predictions_in_flight`. */
export const limitMetricTable = {
  limit: {
    type: 'gauge',
    name: 'predict_limit',
    help: 'Predictions of a model that may be under way at a time at this scheduler; it follows what the workers get done.',
    labels: { model: 'open' },
  },
  underWay: {
    type: 'gauge',
    name: 'predict_in_flight',
    help: 'Predictions of a model that callers wait for now.',
    labels: { model: 'open' },
  },
} as const satisfies MetricTable

/** What is bounded over all models: 4 million cells, 128 MiB. */
export const waitingMetricTable = {
  cells: {
    type: 'gauge',
    name: 'predict_waiting_cells',
    help: 'Cells of the rows that callers wait for now; beyond 4 million predictions are refused.',
  },
  bytes: {
    type: 'gauge',
    name: 'predict_waiting_bytes',
    help: 'The rows that callers wait for now, as JSON; beyond 128 MiB predictions are refused.',
  },
} as const satisfies MetricTable

const mostModels = 100

/** Reads the limits whenever somebody looks. */
export function reportLimits(
  registry: MetricsRegistry,
  gateway: { readonly limits: ReadonlyMap<string, Pick<AdaptiveLimit, 'limit' | 'underWay'>> },
): void {
  const metrics = registry.register(limitMetricTable)
  registry.onExpose(() => {
    for (const metric of Object.values(metrics)) metric.reset()
    let models = 0
    for (const [model, { limit, underWay }] of gateway.limits) {
      if (++models > mostModels) return
      metrics.limit.set({ model }, limit)
      metrics.underWay.set({ model }, underWay)
    }
  })
}

/** Reads what waits whenever somebody looks. */
export function reportWaiting(
  registry: MetricsRegistry,
  {
    gateway,
    client,
  }: { readonly gateway: { readonly cells: number }; readonly client: { readonly waitingBytes: number } },
): void {
  const metrics = registry.register(waitingMetricTable)
  registry.onExpose(() => {
    metrics.cells.set(gateway.cells)
    metrics.bytes.set(client.waitingBytes)
  })
}
