import { algorithmListSchema, algorithmsQuerySchema } from '@celeriac/contracts'
import { defineRoute, type Route } from '../route.ts'

export const algorithmRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/algorithms',
    operationId: 'listAlgorithms',
    tag: 'algorithms',
    summary: 'The manifests of all algorithms: ports, parameters with defaults, names.',
    access: 'viewer',
    query: algorithmsQuerySchema,
    answers: { 200: { description: 'All manifests, by name', schema: algorithmListSchema } },
    errors: [],
    handle: ({ query }, { algorithms }) => ({
      status: 200,
      body: { items: algorithms.all().filter((manifest) => query.all || !manifest.hidden) },
    }),
  }),
]
