import type { MetricsOf, MetricsRegistry, MetricTable } from '@celeriac/runtime'

/** Metrics of predictions as the schedulers see them, whatever protocol asked; those of the workers are theirs. */
export const gatewayMetricTable = {
  requests: {
    type: 'counter',
    name: 'gateway_predictions_total',
    help: 'Predictions that were asked for, by model, version and outcome: `ok`, or the code of the error. Beyond 200 models and versions: `other`.',
    labels: { model: 'open', version: 'open', code: 'open' },
  },
  duration: {
    type: 'histogram',
    name: 'gateway_prediction_duration_seconds',
    help: 'Time from a checked request to its predictions, by the side that answered.',
    labels: { route: ['primary', 'canary', 'pinned'] },
    buckets: [0.0005, 0.001, 0.0015, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30, 60],
  },
  underWay: {
    type: 'gauge',
    name: 'gateway_predictions_in_flight',
    help: 'Predictions that callers wait for now.',
  },
  shed: {
    type: 'counter',
    name: 'gateway_predictions_shed_total',
    help: 'Predictions that were refused: `full` is the adaptive limit, `deadline` what would have been late, `memory` too much waiting in all, `queue_full` the broker, `worker` a worker with too much to do.',
    labels: { reason: ['full', 'deadline', 'memory', 'queue_full', 'no_worker', 'worker', 'stopping'] },
  },
  shadow: {
    type: 'counter',
    name: 'gateway_shadow_predictions_total',
    help: 'Requests that were to be asked of a shadow as well, by whether it answered the same.',
    labels: { outcome: ['equal', 'different', 'failed', 'dropped'] },
  },
  refreshes: {
    type: 'counter',
    name: 'gateway_route_refreshes_total',
    help: 'Routes of models read from the database: asked for the first time, after an event, or found old by their revision.',
    labels: { reason: ['first', 'event', 'revision'] },
  },
  messageRows: {
    type: 'histogram',
    name: 'gateway_message_rows',
    help: 'Rows of one message to the predict workers; requests that arrive together share one.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
  },
} as const satisfies MetricTable

/** Series of models and versions that are told apart; a number of them is a client's choice, so it is bounded. */
const mostSeries = 200

export interface GatewayMetrics extends Omit<MetricsOf<typeof gatewayMetricTable>, 'requests' | 'duration'> {
  /** By the side that answered. */
  readonly durations: Readonly<Record<'primary' | 'canary' | 'pinned', { observe(seconds: number): void }>>
  /** Counts a request; `version` 0 where none was found. */
  count(model: string, version: number, code: string): void
}

export function createGatewayMetrics(registry: MetricsRegistry): GatewayMetrics {
  const { requests, duration, ...metrics } = registry.register(gatewayMetricTable)
  const children = new Map<string, ReturnType<typeof requests.labels>>()
  const told = new Set<string>()
  return {
    ...metrics,
    durations: {
      primary: duration.labels({ route: 'primary' }),
      canary: duration.labels({ route: 'canary' }),
      pinned: duration.labels({ route: 'pinned' }),
    },
    count(model, version, code) {
      const key = `${model}\n${version}\n${code}`
      let child = children.get(key)
      if (child === undefined) {
        // A name that does not exist is whatever a client made up.
        const series = `${model}\n${version}`
        const isTold = version > 0 && (told.has(series) || told.size < mostSeries)
        if (isTold) told.add(series)
        child = isTold
          ? requests.labels({ model, version: String(version), code })
          : requests.labels({ model: 'other', version: 'other', code })
        if (isTold) children.set(key, child)
      }
      child.inc()
    },
  }
}
