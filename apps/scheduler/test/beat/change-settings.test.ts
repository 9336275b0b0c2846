import type { ScheduleRecord } from '@celeriac/core'
import { scheduleSpecSchema } from '@celeriac/contracts'
import { expect, test } from 'vitest'
import { changedSettings, inputOf } from '../../src/beat/change-settings.ts'
import { firingId, planOf, settingsAt } from '../../src/beat/schedule-times.ts'

const hourMs = 3_600_000
const madeAt = Date.UTC(2026, 10, 21, 12, 20)
const hourly = scheduleSpecSchema.parse({ every: '1h' })
const defaults = {
  catch_up: 'last',
  catch_up_limit: 100,
  overlap: 'allow',
  overlap_limit_s: 60,
  end_at: null,
  enabled: true,
} as const

const aSchedule = (over: Partial<ScheduleRecord> = {}): ScheduleRecord => ({
  ...settingsAt(madeAt, hourly, defaults),
  id: '6fed062e-8d2d-47f4-85fd-012311453373',
  name: 'hourly',
  target: { kind: 'dag', dag: 'd', version: null },
  ownerDagId: null,
  version: 1,
  lastDueAt: null,
  createdAt: madeAt,
  updatedAt: madeAt,
  ...over,
})

test('settings survive the way to the interface and back', () => {
  const input = {
    ...defaults,
    catch_up: 'all',
    catch_up_limit: 7,
    end_at: '2027-01-01T00:00:00.000Z',
  } as const
  expect(inputOf(settingsAt(madeAt, hourly, input))).toEqual(input)
})

test('the first due time lies after now', () => {
  expect(aSchedule().nextDueAt).toBe(madeAt + hourMs)
  const { nextDueAt } = settingsAt(madeAt, scheduleSpecSchema.parse({ cron: '20 12 * * *' }), defaults)
  expect(nextDueAt).toBe(madeAt + 24 * hourMs)
})

test('a due time that was not fired yet outlives an edit of something else', () => {
  const late = madeAt + 5 * hourMs
  const after = changedSettings(aSchedule(), late, hourly, { ...defaults, overlap: 'skip' })
  expect(after).toMatchObject({ overlap: 'skip', nextDueAt: madeAt + hourMs, anchorAt: madeAt })
})

test('what came due while an entry was disabled does not count, and its hours stay', () => {
  const late = madeAt + 5.5 * hourMs
  const after = changedSettings(aSchedule({ isEnabled: false }), late, hourly, defaults)
  expect(after).toMatchObject({ isEnabled: true, anchorAt: madeAt, nextDueAt: madeAt + 6 * hourMs })
})

test('other times start anew', () => {
  const late = madeAt + 5.5 * hourMs
  const after = changedSettings(aSchedule(), late, scheduleSpecSchema.parse({ every: '2h' }), defaults)
  expect(after).toMatchObject({ anchorAt: late, nextDueAt: late + 2 * hourMs })
})

test('an end that comes closer ends the entry', () => {
  const end = { ...defaults, end_at: new Date(madeAt + hourMs / 2).toISOString() }
  expect(changedSettings(aSchedule(), madeAt, hourly, end).nextDueAt).toBeNull()
})

test('what jsonb does to the order of keys is no change of times', () => {
  const spec = scheduleSpecSchema.parse({ solar: { event: 'sunset', latitude: 1, longitude: 2 } })
  const before = aSchedule({ spec: { solar: { longitude: 2, latitude: 1, event: 'sunset' } } })
  expect(changedSettings(before, madeAt + 1, spec, defaults)).toMatchObject({ anchorAt: madeAt })
})

test('a firing has the same id wherever it is planned; another due time and another entry have another', () => {
  const { id } = aSchedule()
  expect(firingId(id, madeAt)).toBe(firingId(id, madeAt))
  expect(firingId(id, madeAt)).not.toBe(firingId(id, madeAt + 1))
  expect(firingId(id, madeAt)).not.toBe(firingId(firingId(id, 0), madeAt))
})

test('times that cannot be read have no plan', () => {
  expect(planOf(aSchedule({ spec: { cron: 'once in a blue moon' } }), madeAt)).toBeNull()
  expect(planOf(aSchedule(), madeAt + hourMs)).toEqual({
    due: [madeAt + hourMs],
    missed: null,
    nextDueAt: madeAt + 2 * hourMs,
  })
})
