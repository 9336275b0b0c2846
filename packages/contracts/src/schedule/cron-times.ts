import type { DueTimes } from '@celeriac/core'
import { Cron } from 'croner'

/**
 * Day of month and day of week narrow each other only in Celery; cron fires when either matches. This is cron's rule,
 * because cron expressions are what users bring. Daylight saving, by croner: a fixed time that the clock jumps over is
 * fired right after the jump; one that comes twice is fired at its first coming; expressions with a step or a wildcard in
 * the hour follow the elapsed time.
 */
const parseCron = (expression: string, timezone: string): Cron =>
  new Cron(expression, { timezone, mode: '5-part', paused: true })

/** What is wrong with the expression, or null. */
export function cronProblem(expression: string): string | null {
  try {
    return parseCron(expression, 'UTC').nextRun() === null ? 'this expression never comes due' : null
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error)
  }
}

export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

/** Throws what croner throws for an expression that {@link cronProblem} objects to. */
export function cronTimes(expression: string, timezone: string): DueTimes {
  const cron = parseCron(expression, timezone)
  return {
    next: (instant) => cron.nextRun(new Date(instant))?.getTime() ?? null,
    last(instant, count) {
      // `previousRuns` leaves out a run at the very instant of the reference.
      return cron.previousRuns(count, new Date(instant + 1)).map((run) => run.getTime())
    },
  }
}
