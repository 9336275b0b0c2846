/** A scheduler that is cut off from the database while its peer is not, on RabbitMQ. */
import type { Store } from '@celeriac/core'
import { succeeded } from '@celeriac/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EngineHarness, planOf } from './engine-harness.ts'

let harness: EngineHarness

beforeEach(async () => {
  harness = await EngineHarness.create({ broker: 'rabbit' })
})
afterEach(() => harness.close())

/** A store whose calls never come back while it is cut off; those under way reach the database when that is over. */
function behindCut(store: Store) {
  const cut = { is: false, healed: Promise.resolve(), heal: (): void => {}, hanging: [] as string[] }
  const proxy = new Proxy(store, {
    get(target, name) {
      const value = target[name as keyof Store] as unknown
      if (typeof value !== 'function') return value
      return async (...args: unknown[]) => {
        if (cut.is) {
          cut.hanging.push(String(name))
          await cut.healed
        }
        return (value as (...given: unknown[]) => unknown).apply(target, args)
      }
    },
  })
  return {
    store: proxy,
    cut,
    begin: (): void => {
      cut.is = true
      cut.healed = new Promise((resolve) => {
        cut.heal = () => {
          cut.is = false
          resolve()
        }
      })
    },
  }
}

test('its partitions go to the peer, what it had in doubt changes nothing, and it takes part again', async () => {
  const { store, cut, begin } = behindCut(harness.store)
  const first = await harness.startEngine('s1', store)
  await expect.poll(() => first.engine.partitions.length, { timeout: 15_000 }).toBe(8)
  let release = (): void => {}
  const gate = new Promise<void>((resolve) => (release = resolve))
  const { executor } = await harness.startWorker(() => gate.then(succeeded), 16)
  const runs = await Promise.all(Array.from({ length: 8 }, () => harness.submit(planOf({ a: [], b: ['a'] }))))
  for (const runId of runs)
    await expect.poll(async () => (await harness.states(runId))['a'], { timeout: 15_000 }).toBe('running')

  begin()
  release()
  // The results are in its inbox, and a commit hangs.
  await expect.poll(() => cut.hanging, { timeout: 10_000 }).toContain('commitBatch')
  const second = await harness.startEngine('s2')
  for (const runId of runs) await harness.waitFor(runId, 'succeeded', 30_000)
  await expect.poll(() => first.engine.partitions).toEqual([])
  await expect.poll(() => first.engine.load).toMatchObject({ openRuns: 0, backlog: 0 })
  expect(first.engine.load.databaseAwaySince).not.toBeNull()
  // Also those in which there was no run.
  await expect.poll(() => second.engine.partitions).toHaveLength(8)

  cut.heal()
  await expect.poll(() => first.engine.partitions.length, { timeout: 20_000 }).toBeGreaterThan(0)
  await expect.poll(() => first.engine.load.databaseAwaySince).toBeNull()
  const later = await Promise.all(Array.from({ length: 8 }, () => harness.submit(planOf({ a: [] }))))
  for (const runId of later) await harness.waitFor(runId, 'succeeded', 20_000)
  // Each attempt was executed once, and the late commits found other epochs.
  expect(executor.attempts).toHaveLength(24)
  for (const runId of runs)
    expect((await harness.store.findRun(runId))!.tasks.map(({ attempt }) => attempt)).toEqual([1, 1])
})
