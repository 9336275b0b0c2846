/** How a beat goes from pass to pass: when it sleeps, what it survives. */
import { AppError, type Store } from '@celeriac/core'
import { silentLogger, type Logger } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { BeatHarness, passUntilIdle } from './beat-harness.ts'

let harness: BeatHarness
beforeAll(async () => {
  harness = await BeatHarness.create()
})
afterAll(() => harness?.close())
afterEach(async () => {
  await harness.database.sql('truncate schedules, schedule_firings, scheduled_tasks')
})

test('an entry that cannot be stored holds up no other, and is not tried again at once', async () => {
  const [broken, sound] = [await harness.schedule(), await harness.schedule()]
  const fireSchedule: Store['fireSchedule'] = (request) =>
    request.schedule.id === broken.id
      ? Promise.reject(new AppError('INTERNAL_ERROR', 'a defect'))
      : harness.store.fireSchedule(request)
  const beat = await harness.beat({ store: { ...harness.store, fireSchedule } })
  expect(await beat.passOnce()).toMatchObject({ fired: 1, nextInMs: 0 })
  expect(await harness.firings(sound)).toHaveLength(1)
  expect(await beat.passOnce()).toMatchObject({ fired: 0, nextInMs: 1_000 })
  expect(await harness.firings(broken)).toEqual([])
  await passUntilIdle(await harness.beat())
  expect(await harness.firings(broken)).toHaveLength(1)
})

test('a beat goes on by itself after the database was away, and says so once', async () => {
  const said: string[] = []
  const note = (...args: readonly unknown[]): void => void said.push(String(args.at(-1)))
  const logger = { ...silentLogger(), warn: note, info: note } as unknown as Logger
  let isAway = true
  const listDueSchedules: Store['listDueSchedules'] = (query) =>
    isAway ? Promise.reject(new AppError('STORE_UNAVAILABLE', 'away')) : harness.store.listDueSchedules(query)
  const clock = new FakeClock()
  const schedule = await harness.schedule()
  const beat = await harness.beat({ store: { ...harness.store, listDueSchedules }, clock, logger })
  await beat.start()
  for (let second = 0; second < 3; second += 1) {
    await expect.poll(() => clock.pending).toBe(1)
    clock.advance(1_000)
  }
  await expect.poll(() => clock.pending).toBe(1)
  expect(said).toHaveLength(1)
  isAway = false
  clock.advance(1_000)
  await expect.poll(() => said).toContain('schedules are fired again')
  expect(await harness.firings(schedule)).toHaveLength(1)
  await beat.stop()
  expect(clock.pending).toBe(0)
})

test('a beat that is stopped twice, or never started, does no harm', async () => {
  const beat = await harness.beat()
  await beat.stop()
  await beat.start()
  await beat.stop()
  const schedule = await harness.schedule()
  expect(await harness.firings(schedule)).toEqual([])
})

test('a beat sleeps until the next due time, but no longer than a second', async () => {
  const beat = await harness.beat()
  expect(await beat.passOnce()).toMatchObject({ nextInMs: 1_000 })
  await harness.schedule({ nextDueAt: await harness.ago(-3_600_000) })
  expect(await beat.passOnce()).toMatchObject({ nextInMs: 1_000 })
  await harness.schedule({ nextDueAt: await harness.ago(-30_000) })
  // As if half a minute had passed, but for half a second.
  const look = await harness.store.listDueSchedules({ limit: 1 })
  const store = { ...harness.store, listDueSchedules: async () => ({ ...look, nextDueAt: look.now + 500 }) }
  expect(await (await harness.beat({ store })).passOnce()).toMatchObject({ nextInMs: 500 })
})

test('a beat lets what it has begun end, and begins nothing more, when it is told to stop', async () => {
  for (let count = 0; count < 10; count += 1) await harness.schedule()
  let begun = 0
  const beat = await harness.beat({
    store: {
      ...harness.store,
      fireSchedule: (request) => {
        begun += 1
        void beat.stop()
        return harness.store.fireSchedule(request)
      },
    },
  })
  await beat.start()
  await expect.poll(() => begun).toBeGreaterThan(0)
  await beat.stop()
  const [row] = await harness.database.sql<{ fired: number }>(
    'select count(*)::int as fired from schedule_firings',
  )
  expect(row?.fired).toBe(begun)
  expect(begun).toBeLessThanOrEqual(4)
})
