import type { MetricTable } from '@celeriac/runtime'

/** Metrics of the HTTP interface. */
export const httpMetricTable = {
  requests: {
    type: 'histogram',
    name: 'http_request_duration_seconds',
    help: 'Time from the end of the request headers to the end of the answer.',
    labels: { method: ['GET', 'POST', 'HEAD', 'other'], route: 'open', status: 'open' },
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  },
} as const satisfies MetricTable
