import { queueListSchema, workerListSchema } from '@celeriac/contracts'
import { defineRoute, type Route } from '../route.ts'
import { workerView } from '../views/record-views.ts'

export const fleetRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/workers',
    operationId: 'listWorkers',
    tag: 'fleet',
    summary: 'Workers, as their heartbeats show them.',
    access: 'viewer',
    answers: { 200: { description: 'All workers heard of lately', schema: workerListSchema } },
    errors: [],
    handle: (_input, { workers }) => ({ status: 200, body: { items: workers().map(workerView) } }),
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/queues',
    operationId: 'listQueues',
    tag: 'fleet',
    summary: 'Depth and consumers of every queue of the topology.',
    access: 'viewer',
    answers: { 200: { description: 'All queues', schema: queueListSchema } },
    errors: ['BROKER_UNAVAILABLE'],
    async handle(_input, { broker, topology }) {
      const depths = await broker.depths(topology.queues.map((queue) => queue.name))
      return { status: 200, body: { items: depths.map((depth) => ({ ...depth })) } }
    },
  }),
]
