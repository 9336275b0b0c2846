import { createMetrics, reportBuild, type MetricDefinition } from '@celeriac/runtime'
import { expect, test } from 'vitest'

const table = {
  tasksFinished: {
    type: 'counter',
    name: 'tasks_finished_total',
    help: 'Operator tasks that ended, by outcome.',
    labels: { outcome: ['succeeded', 'failed'], queue: 'open' },
  },
  slots: {
    type: 'gauge',
    name: 'worker_slots',
    help: 'Slots of the worker, by state.',
    labels: { state: ['busy', 'free'] },
  },
  runTime: { type: 'histogram', name: 'task_run_duration_seconds', help: 'Run time.', buckets: [0.1, 1] },
} as const satisfies Record<string, MetricDefinition>

const setup = () => {
  const metrics = createMetrics({ processMetrics: false })
  return { metrics, registered: metrics.register(table) }
}

test('names get the prefix of the platform', async () => {
  const { metrics, registered } = setup()
  registered.tasksFinished.inc({ outcome: 'failed', queue: 'local' }, 2)
  registered.runTime.observe(0.5)
  const text = await metrics.expose()
  expect(text).toContain('celeriac_tasks_finished_total{outcome="failed",queue="local"} 2')
  expect(text).toContain('celeriac_task_run_duration_seconds_bucket{le="1"} 1')
  expect(text).toContain('# HELP celeriac_worker_slots Slots of the worker, by state.')
})

test('known label values start at 0, open ones do not exist before they are used', async () => {
  const { metrics } = setup()
  const text = await metrics.expose()
  expect(text).toContain('celeriac_worker_slots{state="busy"} 0')
  expect(text).toContain('celeriac_worker_slots{state="free"} 0')
  expect(text).not.toContain('celeriac_tasks_finished_total{')
})

test('a table that is registered twice gives the same metrics', () => {
  const { metrics, registered } = setup()
  expect(metrics.register(table).slots).toBe(registered.slots)
})

test.each([
  ['counters end in _total', { type: 'counter', name: 'tasks', help: 'x' }],
  ['only counters end in _total', { type: 'gauge', name: 'tasks_total', help: 'x' }],
  ['names are snake case', { type: 'gauge', name: 'tasksRunning', help: 'x' }],
] as const)('%s', (_rule, definition) => {
  expect(() => createMetrics({ processMetrics: false }).register({ definition })).toThrow(TypeError)
})

test('process metrics are there unless they are turned off', async () => {
  expect(await createMetrics().expose()).toContain('process_cpu_seconds_total')
  expect(await createMetrics({ processMetrics: false }).expose()).not.toContain('process_cpu_seconds_total')
})

test('what is read rather than counted is set before each exposition', async () => {
  const { metrics, registered } = setup()
  let busy = 0
  metrics.onExpose(async () => {
    await Promise.resolve()
    registered.slots.set({ state: 'busy' }, ++busy)
  })
  expect(await metrics.expose()).toContain('celeriac_worker_slots{state="busy"} 1')
  expect(await metrics.expose()).toContain('celeriac_worker_slots{state="busy"} 2')
})

test('two services of one process each say their build', async () => {
  const metrics = createMetrics({ processMetrics: false })
  reportBuild(metrics, { service: 'scheduler', version: '1.2.3' })
  reportBuild(metrics, { service: 'worker', version: '1.2.3' })
  const text = await metrics.expose()
  expect(text).toContain('celeriac_build_info{service="scheduler",version="1.2.3"} 1')
  expect(text).toContain('celeriac_build_info{service="worker",version="1.2.3"} 1')
})
