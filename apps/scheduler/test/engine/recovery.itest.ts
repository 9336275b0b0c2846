import { failed, succeeded } from '@celeriac/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EngineHarness, planOf } from './engine-harness.ts'

let harness: EngineHarness

beforeEach(async () => {
  harness = await EngineHarness.create()
})
afterEach(() => harness.close())

test('a retry that waits for its backoff survives the restart of the scheduler', async () => {
  const first = await harness.startEngine('s1')
  await harness.startWorker(({ attempt }) => (attempt === 1 ? failed() : succeeded()))
  const plan = planOf({ a: [] }, () => ({
    retry: { max: 1, backoffMs: 3_000, backoffMaxMs: 3_000, jitter: false },
  }))
  const runId = await harness.submit(plan)
  await expect.poll(() => harness.states(runId), { timeout: 5_000 }).toEqual({ a: 'retry_wait' })
  await first.stop()
  expect(await harness.states(runId)).toEqual({ a: 'retry_wait' })
  await harness.startEngine('s2')
  const run = await harness.waitFor(runId, 'succeeded')
  expect(run.tasks[0]).toMatchObject({ attempt: 2, retries: 1 })
})

test('results that arrive while no scheduler lives are taken up by the next one', async () => {
  const first = await harness.startEngine('s1')
  let release = (): void => {}
  const gate = new Promise<void>((resolve) => (release = resolve))
  const { worker } = await harness.startWorker(() => gate.then(succeeded))
  const runId = await harness.submit(planOf({ a: [], b: ['a'] }))
  await expect.poll(async () => (await harness.states(runId))['a'], { timeout: 5_000 }).toBe('running')
  await first.stop()
  release()
  await expect.poll(() => worker.counts().active).toBe(0)
  expect(await harness.states(runId)).toEqual({ a: 'running', b: 'pending' })
  await harness.startEngine('s2')
  const run = await harness.waitFor(runId, 'succeeded')
  expect(run.tasks.every(({ attempt }) => attempt === 1)).toBe(true)
})

test('a run of many operators in layers with joins ends, with the load spread over two schedulers', async () => {
  const shape: Record<string, string[]> = {}
  for (let layer = 0; layer < 6; layer++)
    for (let column = 0; column < 20; column++)
      shape[`o${layer}_${column}`] =
        layer === 0 ? [] : [0, 1, 2].map((step) => `o${layer - 1}_${(column + step) % 20}`)
  await harness.startEngine('s1')
  await harness.startEngine('s2')
  const { executor } = await harness.startWorker(succeeded, 16)
  const runs = await Promise.all(Array.from({ length: 10 }, () => harness.submit(planOf(shape))))
  for (const runId of runs) await harness.waitFor(runId, 'succeeded', 30_000)
  expect(new Set(executor.attempts.map(({ attemptId }) => attemptId)).size).toBe(1_200)
})
