/** More runs than the engine may hold: they wait as rows. */
import { succeeded } from '@celeriac/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EngineHarness, planOf } from './engine-harness.ts'

let harness: EngineHarness

beforeEach(async () => {
  harness = await EngineHarness.create()
})
afterEach(() => harness.close())

test('runs that do not fit into memory wait queued in the database, and all of them end', async () => {
  const { engine } = await harness.startEngine('s1', harness.store, { maxLoadedTasks: 6 })
  const pair = planOf({ a: [], b: ['a'] })
  const runs = await Promise.all(Array.from({ length: 20 }, () => harness.submit(pair)))
  const states = () =>
    harness.sql<{ state: string; count: number }>(
      'select state, count(*)::int from runs group by state order by state',
    )
  await expect.poll(states).toEqual([
    { state: 'queued', count: 17 },
    { state: 'running', count: 3 },
  ])
  await expect.poll(() => engine.load).toMatchObject({ openRuns: 3, backlog: 0, oldestEventAt: null })
  expect(engine.load.waitingSince).not.toBeNull()
  await harness.startWorker(succeeded)
  for (const runId of runs) await harness.waitFor(runId, 'succeeded', 30_000)
  await expect.poll(() => engine.load.waitingSince, { timeout: 5_000 }).toBeNull()
})

test('a run that waits in the database can be cancelled', async () => {
  const { engine } = await harness.startEngine('s1', harness.store, { maxLoadedTasks: 1 })
  const first = await harness.submit(planOf({ a: [] }))
  await expect.poll(async () => (await harness.states(first))['a'], { timeout: 10_000 }).toBe('queued')
  const waiting = await harness.submit(planOf({ a: [] }))
  await expect.poll(() => engine.load.waitingSince, { timeout: 10_000 }).not.toBeNull()
  await harness.tell({ event: 'run.cancel', run_id: waiting })
  await harness.waitFor(waiting, 'cancelled')
  expect(await harness.states(first)).toEqual({ a: 'queued' })
})
