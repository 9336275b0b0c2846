import { createMetrics, type MetricTable } from '@celeriac/runtime'
import { deviations, parseExposition, valueOf } from '@celeriac/testkit'
import { expect, test } from 'vitest'

const table = {
  jobs: { type: 'counter', name: 'jobs_total', help: 'Jobs.', labels: { outcome: ['ok', 'failed'] } },
  time: { type: 'histogram', name: 'job_seconds', help: 'Time.', labels: { queue: 'open' }, buckets: [1] },
  depth: { type: 'gauge', name: 'depth', help: 'Depth.' },
} as const satisfies MetricTable

async function expose(use: (metrics: ReturnType<typeof createMetrics>) => void) {
  const registry = createMetrics({ processMetrics: false })
  use(registry)
  return parseExposition(await registry.expose())
}

test('what is declared and exposed as declared deviates in nothing', async () => {
  const families = await expose((registry) => {
    const metrics = registry.register(table)
    metrics.jobs.inc({ outcome: 'ok' }, 3)
    metrics.time.observe({ queue: 'local' }, 0.5)
  })
  expect(deviations(families, Object.values(table))).toEqual([])
  expect(valueOf(families, 'jobs_total', { outcome: 'ok' })).toBe(3)
  expect(valueOf(families, 'job_seconds_count', { queue: 'local' })).toBe(1)
  expect(valueOf(families, 'jobs_total', { outcome: 'lost' })).toBeUndefined()
})

test('every kind of deviation is told', async () => {
  const { jobs, time, depth } = table
  const families = await expose((registry) => {
    const metrics = registry.register({ jobs, depth })
    metrics.jobs.remove({ outcome: 'failed' })
    registry.register({ other: { type: 'gauge', name: 'other', help: 'Not in the table.' } })
  })
  const asked = [jobs, time, { ...depth, type: 'counter' as const, labels: { queue: 'open' as const } }]
  expect(deviations(families, asked)).toEqual([
    'celeriac_other is not declared',
    'celeriac_jobs_total has no outcome="failed"',
    'celeriac_job_seconds is not exposed',
    'celeriac_depth is a gauge, not a counter',
    'celeriac_depth has other labels than queue',
  ])
})

test('a text that is no exposition is refused', async () => {
  await expect(parseExposition('what{is="this" 1')).rejects.toThrow('not an exposition')
})
