import { healthSchema, jsonObjectSchema, readinessSchema } from '@celeriac/contracts'
import { openApiDocument } from '../openapi.ts'
import { defineRoute, type Route } from '../route.ts'

export const healthRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/healthz',
    operationId: 'health',
    tag: 'service',
    summary: 'The process answers. Says nothing about its dependencies.',
    access: 'public',
    answers: { 200: { description: 'Alive', schema: healthSchema } },
    errors: [],
    handle: (_input, { version }) => ({ status: 200, body: { status: 'ok', version } }),
  }),
  defineRoute({
    method: 'get',
    path: '/readyz',
    operationId: 'readiness',
    tag: 'service',
    summary: 'Database and broker can be used: requests may be sent here.',
    access: 'public',
    answers: {
      200: { description: 'Ready', schema: readinessSchema },
      503: { description: 'Not ready; the checks say why', schema: readinessSchema },
    },
    errors: [],
    async handle(_input, deps) {
      const { ready, checks } = await deps.readiness()
      return { status: ready ? 200 : 503, body: { ready, checks } }
    },
  }),
  defineRoute({
    method: 'get',
    path: '/metrics',
    operationId: 'metrics',
    tag: 'service',
    summary: 'Metrics in the Prometheus text format. Without a token from this machine only.',
    access: 'loopback',
    answers: { 200: { description: 'All metrics', contentType: 'text/plain' } },
    errors: [],
    async handle(_input, { metrics }) {
      return {
        status: 200,
        headers: { 'content-type': metrics.contentType },
        body: await metrics.metrics(),
      }
    },
  }),
]

/** Apart from the others because it describes them all. */
export const openApiRoute = (others: () => readonly Route[]): Route =>
  defineRoute({
    method: 'get',
    path: '/api/openapi.json',
    operationId: 'openapi',
    tag: 'service',
    summary: 'This interface as an OpenAPI 3.1 document.',
    access: 'viewer',
    answers: { 200: { description: 'The document', schema: jsonObjectSchema } },
    errors: [],
    handle: (_input, { version }) => ({ status: 200, body: openApiDocument(others(), version) }),
  })
