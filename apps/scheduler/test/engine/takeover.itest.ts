/** A takeover reads what was started, some runs at a time, and leaves the rest to the scan. */
import { newId } from '@celeriac/runtime'
import type { Store } from '@celeriac/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EngineHarness, planOf } from './engine-harness.ts'

const runCount = 200

let harness: EngineHarness

beforeEach(async () => {
  harness = await EngineHarness.create()
})
afterEach(() => harness.close())

test('all started runs are in memory after a takeover, and queued ones are not read for it', async () => {
  const plan = planOf(Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`o${index}`, []])))
  const first = await harness.submit(plan, { announce: false })
  const { dagId, dagVersion } = (await harness.store.findRun(first))!
  for (let index = 1; index < runCount; index++)
    await harness.store.createRun({ id: newId(), dagId, dagVersion, datasets: {}, idempotencyKey: null })
  await harness.sql(`update runs set state = 'running', started_at = now()`)
  await harness.sql(
    `update operator_tasks set state = 'running', attempt = 1, attempt_id = gen_random_uuid()::text,
       ready_at = now(), started_at = now(), worker = 'w', is_leased = true`,
  )
  const waiting = await harness.submit(plan, { announce: false })
  let isTakingOver = true
  const readTooEarly: string[] = []
  const store = new Proxy(harness.store, {
    get(target, name) {
      if (name === 'findRun')
        return (id: string) => {
          if (isTakingOver && id === waiting) readTooEarly.push(id)
          return target.findRun(id)
        }
      // The scan comes after the takeover.
      if (name === 'listQueuedRuns')
        return async (query: Parameters<Store['listQueuedRuns']>[0]) =>
          isTakingOver ? [] : target.listQueuedRuns(query)
      const value = target[name as keyof Store] as unknown
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  const { engine } = await harness.startEngine('s1', store, { isDurable: true })
  await expect
    .poll(() => [engine.partitions.length, engine.load.openRuns, engine.load.leases], {
      timeout: 20_000,
      interval: 5,
    })
    .toEqual([8, runCount, 20 * runCount])
  expect(readTooEarly).toEqual([])
  isTakingOver = false
  await expect.poll(() => engine.load.openRuns, { timeout: 10_000 }).toBe(runCount + 1)
})

test('what a scheduler has sent before it stops is not sent again by the next one', async () => {
  const queue = harness.topology.executorQueue('local')
  const depth = async (): Promise<number> => (await harness.client.depths([queue]))[0]!.messages
  const first = await harness.startEngine('s1', harness.store, { isDurable: true })
  const runId = await harness.submit(planOf({ a: [], b: [] }))
  await expect.poll(depth, { timeout: 10_000, interval: 1 }).toBe(2)
  await first.stop()
  expect(await harness.states(runId)).toEqual({ a: 'queued', b: 'queued' })
  const { engine } = await harness.startEngine('s2', harness.store, { isDurable: true })
  await expect.poll(() => [engine.partitions.length, engine.load.openRuns]).toEqual([8, 1])
  expect(await depth()).toBe(2)
})
