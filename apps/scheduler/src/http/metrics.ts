import type { MetricsRegistry, MetricTable } from '@celeriac/runtime'
import type { RequestSample } from './api-deps.ts'

/** Methods that are told apart: those of the route table, and HEAD. */
export const measuredMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'] as const

/** Metrics of the HTTP interface. Routes are patterns, never paths. */
export const httpMetricTable = {
  requests: {
    type: 'histogram',
    name: 'http_request_duration_seconds',
    help: 'Time from the end of the request headers to the end of the answer.',
    labels: { method: [...measuredMethods, 'other'], route: 'open', status: 'open' },
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  },
} as const satisfies MetricTable

/** Registers the metrics; the returned function takes each answered request. */
export function httpMeter(registry: MetricsRegistry): (sample: RequestSample) => void {
  const { requests } = registry.register(httpMetricTable)
  // To find a child by its labels costs more than to observe; there are as many as routes and statuses.
  const children = new Map<string, ReturnType<typeof requests.labels>>()
  return ({ method, route, status, durationMs }) => {
    const key = `${status} ${method} ${route}`
    let child = children.get(key)
    if (child === undefined) {
      child = requests.labels({ method, route, status: String(status) })
      children.set(key, child)
    }
    child.observe(durationMs / 1_000)
  }
}
