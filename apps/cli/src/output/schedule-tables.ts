import type { FiringView, ScheduleView } from '@celeriac/contracts'
import type { Io } from '../io.ts'
import { renderTable } from './table.ts'

/** An instant in a time zone: `2026-11-22 02:00:00`. One that this machine does not know is shown in UTC. */
export function zonedTime(instant: string | null, zone: string): string {
  if (instant === null) return ''
  // Sweden writes dates as ISO 8601 does.
  const format = (timeZone: string): string =>
    new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }).format(
      new Date(instant),
    )
  try {
    return format(zone)
  } catch {
    return format('UTC')
  }
}

/** Due times are shown in the time zone that the schedule is written in; all but cron have none. */
export const zoneOf = ({ when }: Pick<ScheduleView, 'when'>): string => text(when['timezone']) || 'UTC'

/** `cron 0 2 * * *`, `every 1h`, `sunset 51.48, 0`. */
export function whenText({ when }: Pick<ScheduleView, 'when'>): string {
  if ('cron' in when) return `cron ${text(when['cron'])}`
  if ('every' in when) return `every ${text(when['every'])}${typeof when['every'] === 'number' ? ' s' : ''}`
  const solar = (when['solar'] ?? {}) as Readonly<Record<string, unknown>>
  return `${text(solar['event'])} ${text(solar['latitude'])}, ${text(solar['longitude'])}`
}

/** `dag credit`, `dag credit v3`, `task tasks.add`. */
export function targetText({ target }: Pick<ScheduleView, 'target'>): string {
  if ('task' in target) return `task ${text(target['task'])}`
  const version = text(target['version'])
  return `dag ${text(target['dag'])}${version === '' ? '' : ` v${version}`}`
}

const text = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : ''

const nextText = (schedule: ScheduleView): string => {
  if (!schedule.enabled) return 'disabled'
  return schedule.next_due_at === null ? 'ended' : zonedTime(schedule.next_due_at, zoneOf(schedule))
}

/** '' when there are none. */
export const scheduleTable = (schedules: readonly ScheduleView[], io: Io): string =>
  renderTable<ScheduleView>(
    [
      { title: 'name', value: ({ name }) => name, shrinksTo: 10 },
      { title: 'when', value: whenText, shrinksTo: 10 },
      { title: 'starts', value: targetText, shrinksTo: 10 },
      { title: 'overlap', value: ({ overlap }) => overlap },
      {
        title: 'next due',
        value: nextText,
        paint: (cell, { enabled }) => (enabled ? cell : io.paint('dim', cell)),
      },
      { title: 'zone', value: zoneOf },
    ],
    schedules,
    io,
  )

/** One line per fact. */
export function scheduleLines(schedule: ScheduleView): readonly string[] {
  const zone = zoneOf(schedule)
  const facts: readonly (readonly [string, string])[] = [
    ['name', schedule.name],
    ['when', whenText(schedule)],
    ['starts', targetText(schedule)],
    [
      'next due',
      `${nextText(schedule)}${schedule.enabled && schedule.next_due_at !== null ? ` ${zone}` : ''}`,
    ],
    [
      'last due',
      schedule.last_due_at === null ? 'never' : `${zonedTime(schedule.last_due_at, zone)} ${zone}`,
    ],
    ['overlap', schedule.overlap],
    ['catch-up', schedule.catch_up === 'all' ? `all, ${schedule.catch_up_limit} at most` : schedule.catch_up],
    ['ends', schedule.end_at === null ? 'never' : `${zonedTime(schedule.end_at, zone)} ${zone}`],
    ['made by', schedule.origin === 'document' ? 'the DAG document' : 'hand'],
  ]
  return facts.map(([name, value]) => `${name.padEnd(10)}${value}`)
}

/** '' when there are none. */
export const firingTable = (firings: readonly FiringView[], zone: string, io: Io): string =>
  renderTable<FiringView>(
    [
      { title: 'due', value: ({ due_at: at }) => zonedTime(at, zone) },
      { title: 'cause', value: ({ cause }) => cause },
      {
        title: 'state',
        value: ({ state }) => state,
        paint: (cell, { state }) => (state === 'failed' ? io.paint('red', cell) : cell),
      },
      { title: 'run or task', value: ({ run_id: run, task_id: task }) => run ?? task ?? '' },
      {
        title: 'why',
        value: ({ reason, message }) => [reason, message].filter((part) => part !== null).join(': '),
        shrinksTo: 10,
      },
    ],
    firings,
    io,
  )
