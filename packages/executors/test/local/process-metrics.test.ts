import { createMetrics, type MetricsRegistry } from '@celeriac/runtime'
import { expect, test } from 'vitest'
import { anExecutor, aStartedExecutor, anAttempt, fakePython, run } from './setup.ts'

/** Replaced processes by reason, those without any left out. */
async function replacedIn(metrics: MetricsRegistry): Promise<Record<string, number>> {
  const text = await metrics.expose()
  const found = text.matchAll(/process_restarts_total\{executor="local",reason="(\w+)"\} ([1-9]\d*)/g)
  return Object.fromEntries([...found].map(([, reason, count]) => [reason, Number(count)]))
}

async function setup(maxTasksPerChild = 100) {
  const metrics = createMetrics({ processMetrics: false })
  const executor = await aStartedExecutor({ poolSize: 1, metrics, limits: { maxTasksPerChild } })
  return { metrics, executor, replaced: () => replacedIn(metrics) }
}

test('every reason to replace a process is known before it occurs', async () => {
  const { metrics } = await setup()
  for (const reason of ['recycled', 'killed', 'died', 'start_failed'])
    expect(await metrics.expose()).toContain(
      `celeriac_executor_process_restarts_total{executor="local",reason="${reason}"} 0`,
    )
})

test('a process that had its share of attempts is recycled', async () => {
  const { executor, replaced } = await setup(1)
  for (let attempt = 0; attempt < 3; attempt++) await run(executor, anAttempt())
  await expect.poll(replaced, { timeout: 10_000 }).toEqual({ recycled: 3 })
})

test('a process that its operator takes down has died', async () => {
  const { executor, replaced } = await setup()
  await run(executor, anAttempt({ do: 'exit', code: 7 }))
  await run(executor, anAttempt())
  expect(await replaced()).toEqual({ died: 1 })
})

test('a process whose attempt had to be stopped is killed', async () => {
  const { executor, replaced } = await setup()
  await run(executor, anAttempt({ do: 'hang' }, { timeLimitS: 0.2 }))
  await run(executor, anAttempt())
  expect(await replaced()).toEqual({ killed: 1 })
})

test('a process that is never ready has failed to start', async () => {
  const metrics = createMetrics({ processMetrics: false })
  const env = { ...fakePython.env, FAKE_CHILD: 'exit-after-hello' }
  const executor = anExecutor({ poolSize: 1, metrics, python: { ...fakePython, env } })
  const starting = executor.start().catch(() => {})
  await expect
    .poll(() => replacedIn(metrics), { timeout: 10_000 })
    .toMatchObject({ start_failed: expect.any(Number) })
  await executor.stop()
  await starting
})

test('processes that end with their pool are not replaced', async () => {
  const { executor, replaced } = await setup()
  await run(executor, anAttempt())
  await executor.stop()
  expect(await replaced()).toEqual({})
})
