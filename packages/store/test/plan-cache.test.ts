import { expect, test, vi } from 'vitest'
import type { DagPlan } from '@celeriac/core'
import { PlanCache } from '../src/plan-cache.ts'

const aPlan = (length: number): DagPlan => ({ operators: Array.from({ length }) as never })

test('a plan is loaded once while it is kept', async () => {
  const cache = new PlanCache()
  const plan = aPlan(3)
  const load = vi.fn(async () => plan)
  expect(await cache.get('a', 1, load)).toBe(plan)
  expect(await cache.get('a', 1, load)).toBe(plan)
  expect(load).toHaveBeenCalledTimes(1)
  await cache.get('a', 2, load)
  expect(load).toHaveBeenCalledTimes(2)
})

test('the least recently used plans go when there are too many operators', async () => {
  const cache = new PlanCache(10)
  const load = vi.fn(async () => aPlan(4))
  await cache.get('a', 1, load)
  await cache.get('b', 1, load)
  await cache.get('a', 1, load)
  await cache.get('c', 1, load)
  load.mockClear()
  await cache.get('a', 1, load)
  await cache.get('c', 1, load)
  expect(load).not.toHaveBeenCalled()
  await cache.get('b', 1, load)
  expect(load).toHaveBeenCalledTimes(1)
})

test('a plan larger than the bound is kept alone', async () => {
  const cache = new PlanCache(10)
  const load = vi.fn(async () => aPlan(5_000))
  await cache.get('a', 1, async () => aPlan(1))
  await cache.get('big', 1, load)
  await cache.get('big', 1, load)
  expect(load).toHaveBeenCalledTimes(1)
})

test('a load that fails is tried again', async () => {
  const cache = new PlanCache()
  await expect(cache.get('a', 1, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await cache.get('a', 1, async () => aPlan(1))).toEqual(aPlan(1))
})
