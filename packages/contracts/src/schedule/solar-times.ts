import type { DueTimes, Instant } from '@celeriac/core'
import { getTimes, type SunTimeName } from 'suncalc'

/** Celery's names of the sun's events, each with suncalc's. */
const sunTimeOf = {
  dawn_astronomical: 'nightEnd',
  dawn_nautical: 'nauticalDawn',
  dawn_civil: 'dawn',
  sunrise: 'sunrise',
  solar_noon: 'solarNoon',
  sunset: 'sunset',
  dusk_civil: 'dusk',
  dusk_nautical: 'nauticalDusk',
  dusk_astronomical: 'night',
} as const satisfies Record<string, SunTimeName | 'solarNoon'>

export type SolarEvent = keyof typeof sunTimeOf
export const solarEvents = Object.keys(sunTimeOf) as [SolarEvent, ...SolarEvent[]]

export interface SolarPlace {
  readonly event: SolarEvent
  /** Degrees north and east. */
  readonly latitude: number
  readonly longitude: number
}

const dayMs = 86_400_000
/** Near the poles the sun may not rise for half a year. */
const searchedDays = 400

/** Rounded to whole seconds: the sun is no clock. */
export function solarTimes({ event, latitude, longitude }: SolarPlace): DueTimes {
  const onDay = (instant: Instant): Instant | null => {
    const time = getTimes(new Date(instant), latitude, longitude)[sunTimeOf[event]]
    return time === null || Number.isNaN(time.getTime()) ? null : Math.round(time.getTime() / 1_000) * 1_000
  }
  const search = function* (from: Instant, step: 1 | -1): Generator<Instant> {
    // A solar day may begin up to a day off the instant that names it.
    for (let day = -1; day <= searchedDays; day += 1) {
      const time = onDay(from + step * day * dayMs)
      if (time !== null) yield time
    }
  }
  return {
    next(instant) {
      for (const time of search(instant, 1)) if (time > instant) return time
      return null
    },
    last(instant, count) {
      const found: Instant[] = []
      for (const time of search(instant, -1)) {
        if (found.length === count) break
        if (time <= instant && time !== found.at(-1)) found.push(time)
      }
      return found
    },
  }
}
