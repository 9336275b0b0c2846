import type { Instant, Page, ScheduleRecord } from '@celeriac/core'
import { decodeCursor, encodeCursor } from '../../cursor.ts'
import type { Database, Statement } from '../../database.ts'
import { pageSize, toPage } from '../../page.ts'
import { scheduleColumns, toSchedule, type ScheduleRow } from './schedule-row.ts'

const clock: Statement = {
  name: 'read_clock',
  text: `select round(date_part('epoch', clock_timestamp()) * 1000) as now`,
}

const byName: Statement = {
  name: 'find_schedule',
  text: `select ${scheduleColumns} from schedules s where s.name = $1`,
}

// An empty text comes before every name: the first page needs no other statement.
const page: Statement = {
  name: 'list_schedules',
  text: `select ${scheduleColumns} from schedules s where s.name > $1 order by s.name limit $2`,
}

// Both read no further than what they give. `now()`, not `clock_timestamp()`: only a stable function serves an index.
const nextDue: Statement = {
  name: 'find_next_due',
  text: `
    select round(date_part('epoch', now()) * 1000) as now, (
      select round(date_part('epoch', s.next_due_at) * 1000) from schedules s
      where s.is_enabled and s.next_due_at > now()
      order by s.next_due_at limit 1
    ) as next_due_at`,
}

const due: Statement = {
  name: 'list_due_schedules',
  text: `
    select ${scheduleColumns} from schedules s
    where s.is_enabled and s.next_due_at <= to_timestamp($1::float8 / 1000)
    order by s.next_due_at limit $2`,
}

/** The database's time. */
export async function readClock(database: Database): Promise<Instant> {
  const [row] = await database.call<{ now: Instant }>(clock)
  if (row === undefined) throw new Error('the database told no time')
  return row.now
}

export async function findSchedule(database: Database, name: string): Promise<ScheduleRecord | null> {
  const [row] = await database.call<ScheduleRow>(byName, [name])
  return row === undefined ? null : toSchedule(row)
}

/** Entries by name. Index: `schedules_name_key`. */
export async function listSchedules(
  database: Database,
  query: { readonly limit: number; readonly cursor?: string },
): Promise<Page<ScheduleRecord>> {
  const limit = pageSize(query.limit)
  const [after] = query.cursor === undefined ? [''] : decodeCursor('schedules', query.cursor, ['text'])
  const rows = await database.call<ScheduleRow>(page, [after, limit + 1])
  return toPage(rows, limit, toSchedule, ({ name }) => encodeCursor('schedules', [name]))
}

/** Entries that are due, the earliest first, and when the first of the others is. Index: `schedules_due`. */
export async function listDueSchedules(
  database: Database,
  { limit }: { readonly limit: number },
): Promise<DueSchedules> {
  const [row] = await database.call<{ now: Instant; next_due_at: Instant | null }>(nextDue)
  if (row === undefined) throw new Error('the database told no time')
  const rows = await database.call<ScheduleRow>(due, [row.now, limit])
  return { now: row.now, nextDueAt: row.next_due_at, schedules: rows.map(toSchedule) }
}

export interface DueSchedules {
  readonly now: Instant
  readonly schedules: readonly ScheduleRecord[]
  readonly nextDueAt: Instant | null
}
