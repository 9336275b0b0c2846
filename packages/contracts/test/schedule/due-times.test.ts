import { planFirings, type CatchUp, type DueTimes } from '@celeriac/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dueTimesOf, intervalTimes } from '../../src/schedule/due-times.ts'
import { scheduleSpecSchema } from '../../src/schedule/schedule-spec.ts'

const at = (iso: string): number => Date.parse(iso)
const iso = (instant: number | null): string | null =>
  instant === null ? null : new Date(instant).toISOString()

function timesOf(spec: unknown, anchorAt = 0): DueTimes {
  return dueTimesOf(scheduleSpecSchema.parse(spec), anchorAt)
}

function following(times: DueTimes, from: string, count: number): (string | null)[] {
  const found: (string | null)[] = []
  let instant: number | null = at(from)
  while (found.length < count && instant !== null) {
    instant = times.next(instant)
    found.push(iso(instant))
  }
  return found
}

describe('a cron schedule', () => {
  const berlin = timesOf({ cron: '30 2 * * *', timezone: 'Europe/Berlin' })

  it('fires a time that the clock jumps over right after the jump, once', () => {
    expect(following(berlin, '2026-03-28T12:00:00Z', 2)).toEqual([
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ])
  })

  it('fires a time that comes twice at its first coming only', () => {
    expect(following(berlin, '2026-10-24T12:00:00Z', 2)).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ])
  })

  it('fires every elapsed hour through both changes of the clock', () => {
    const hourly = timesOf({ cron: '0 * * * *', timezone: 'Europe/Berlin' })
    for (const from of ['2026-03-28T22:30:00Z', '2026-10-24T22:30:00Z']) {
      const times = following(hourly, from, 6).map((time) => at(String(time)))
      expect(times.slice(1).map((time, index) => time - (times[index] ?? 0))).toEqual(
        Array(5).fill(3_600_000),
      )
    }
  })

  it('is in UTC unless it names a time zone', () => {
    expect(following(timesOf({ cron: '0 12 * * 1' }), '2026-11-21T00:00:00Z', 1)).toEqual([
      '2026-11-23T12:00:00.000Z',
    ])
  })
})

describe('a schedule of the sun', () => {
  it('knows sunset in Greenwich', () => {
    const sunset = timesOf({ solar: { event: 'sunset', latitude: 51.4769, longitude: 0 } })
    // Almanac: 2026-06-21 20:21 UTC.
    expect(iso(sunset.next(at('2026-06-21T12:00:00Z')))).toMatch(/^2026-06-21T20:(20|21|22)/)
  })

  it('waits for the end of the polar night', () => {
    const sunrise = timesOf({ solar: { event: 'sunrise', latitude: 78.2, longitude: 15.6 } })
    expect(iso(sunrise.next(at('2026-11-21T00:00:00Z')))).toMatch(/^2027-02-1/)
  })
})

describe('any schedule', () => {
  const specs = fc.constantFrom<unknown>(
    { cron: '*/7 3-5 * * *', timezone: 'America/New_York' },
    { cron: '15 1 28-31 * *', timezone: 'Australia/Lord_Howe' },
    { every: '90s' },
    { every: 86_400 },
    { solar: { event: 'dawn_civil', latitude: 48.1, longitude: 11.6 } },
  )
  const instants = fc.integer({ min: at('2026-01-01T00:00:00Z'), max: at('2028-01-01T00:00:00Z') })

  it('agrees with itself looking forward and back', () => {
    fc.assert(
      fc.property(specs, instants, (spec, instant) => {
        const times = timesOf(spec, at('2025-01-01T00:00:00Z'))
        const next = times.next(instant) ?? 0
        expect(next).toBeGreaterThan(instant)
        expect(times.last(next, 1)).toEqual([next])
        const [latest = 0, before = 0] = times.last(next - 1, 2)
        expect(latest).toBeLessThanOrEqual(instant)
        expect(before).toBeLessThan(latest)
        expect(times.next(latest)).toBe(next)
      }),
      { numRuns: 100 },
    )
  })

  it('fires each due time exactly once, however looks are spaced, when it catches up on all', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 500_000 }), { maxLength: 30 }), (gaps) => {
        const times = intervalTimes(60_000, 0)
        let now = 0
        let nextDueAt: number | null = times.next(0)
        const fired: number[] = []
        for (const gap of gaps) {
          now += gap
          const plan = planFirings(
            { nextDueAt, endAt: null, catchUp: { kind: 'all', limit: 1_000 } },
            now,
            times,
          )
          fired.push(...plan.due)
          nextDueAt = plan.nextDueAt
        }
        expect(fired).toEqual(Array.from({ length: Math.floor(now / 60_000) }, (_, k) => (k + 1) * 60_000))
      }),
    )
  })
})

describe('after a downtime of an hour', () => {
  const times = intervalTimes(60_000, 0)
  const plan = (catchUp: CatchUp, now: number, endAt: number | null = null) =>
    planFirings({ nextDueAt: 60_000, endAt, catchUp }, now, times)

  it('nothing is fired when nothing is caught up', () => {
    const daily = intervalTimes(86_400_000, 0)
    expect(
      planFirings({ nextDueAt: 86_400_000, endAt: null, catchUp: { kind: 'none' } }, 90_000_000, daily),
    ).toEqual({ due: [], missed: 86_400_000, nextDueAt: 172_800_000 })
  })

  it('a due time within the grace is fired all the same', () => {
    expect(plan({ kind: 'none' }, 3_600_500).due).toEqual([3_600_000])
  })

  it('the latest is fired, or as many as are asked for, oldest first', () => {
    expect(plan({ kind: 'last' }, 3_600_500).due).toEqual([3_600_000])
    expect(plan({ kind: 'all', limit: 3 }, 3_600_500).due).toEqual([3_480_000, 3_540_000, 3_600_000])
  })

  it('nothing is due after the end', () => {
    expect(plan({ kind: 'last' }, 3_600_500, 130_000)).toEqual({
      due: [120_000],
      missed: null,
      nextDueAt: null,
    })
  })

  it('a clock that was set back fires nothing again', () => {
    expect(plan({ kind: 'last' }, 59_999)).toEqual({ due: [], missed: null, nextDueAt: 60_000 })
  })
})

describe('what is no schedule', () => {
  it.each([
    [{ cron: '61 * * * *' }, /minute/],
    [{ cron: '* * * * * *' }, /5 parts/],
    [{ cron: '0 0 30 2 *' }, /never comes due/],
    [{ cron: '0 0 * * *', timezone: 'Mars/Olympus' }, /time zone/],
    [{ every: 'often' }, /duration/],
    [{ every: '10ms' }, /one second/],
    [{ every: 1e300 }, /ten years/],
    [{ every: '9999999999999d' }, /ten years/],
    [{ solar: { event: 'moonrise', latitude: 0, longitude: 0 } }, /expected one of/],
    [{ solar: { event: 'sunset', latitude: 91, longitude: 0 } }, /90/],
  ])('%j is refused with the reason', (spec, reason) => {
    const parsed = scheduleSpecSchema.safeParse(spec)
    expect(JSON.stringify(parsed.error?.issues)).toMatch(reason)
  })
})
