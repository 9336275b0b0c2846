import { sql } from 'drizzle-orm'
import {
  decideOverlap,
  type ActiveFiring,
  type FireOutcome,
  type FiringStart,
  type WaitingFiring,
} from '@celeriac/core'
import type { Database, Statement } from '../../database.ts'
import { rowsOf } from '../../sql-rows.ts'
import { isUuid } from '../../uuid.ts'
import { hasEnded, settleActiveFirings } from './active-firings.ts'
import { firingColumns, toFiring, type FiringRow } from './firing-row.ts'
import { scheduleColumns, toSchedule, type ScheduleRow } from './schedule-row.ts'
import { fateOfStart, reachedByStart, settleFiring, writeStart } from './start-firing.ts'

/**
 * The oldest of each entry. The index of what waits is read whole: 100 firings of an entry at most. What is active is a
 * hint for whoever cancels; the start itself looks again, under the entry's lock. `lateral … offset 0` keeps the planner from
 * scanning the entries and joining.
 */
const oldestWaiting: Statement = {
  name: 'list_waiting_firings',
  text: `
    select
      (select to_jsonb(firing) from (
        select ${firingColumns} from schedule_firings f where f.id = w.id
      ) firing) as firing,
      (select to_jsonb(schedule) from (select ${scheduleColumns}) schedule) as schedule,
      (
        select coalesce(jsonb_agg(jsonb_build_object('id', f.id, 'kind', f.kind)), '[]') from schedule_firings f
        where f.schedule_id = s.id and f.is_open and not ${hasEnded}
      ) as active
    from (
      select distinct on (schedule_id) id, schedule_id from schedule_firings
      where state = 'waiting' order by schedule_id, due_at, id
    ) w
    cross join lateral (select * from schedules where id = w.schedule_id and is_enabled offset 0) s
    limit $1`,
}

/** Index: `schedule_firings_waiting`, empty at most times. */
export async function listWaitingFirings(
  database: Database,
  { limit }: { readonly limit: number },
): Promise<readonly WaitingFiring[]> {
  const rows = await database.call<{
    firing: FiringRow
    schedule: ScheduleRow
    active: readonly ActiveFiring[]
  }>(oldestWaiting, [limit])
  return rows.map(({ firing, schedule, active }) => ({
    firing: toFiring(firing),
    schedule: toSchedule(schedule),
    active,
  }))
}

/** `taken`: it waits no more, something of its entry is active, too many runs are open, or somebody else is at it. */
export async function startWaitingFiring(
  database: Database,
  request: { readonly firingId: string; readonly scheduleId: string; readonly start: FiringStart },
): Promise<FireOutcome> {
  const { firingId, scheduleId, start } = request
  if (!isUuid(firingId) || !isUuid(scheduleId)) return { kind: 'taken' }
  return database.transaction(async (db) => {
    const [row] = await rowsOf<ScheduleRow>(
      db,
      sql`
        select ${sql.raw(scheduleColumns)} from schedules s
        where s.id = ${scheduleId}::uuid and s.is_enabled for update skip locked`,
    )
    if (row === undefined) return { kind: 'taken' }
    const schedule = toSchedule(row)
    const waits = await rowsOf(
      db,
      sql`select 1 from schedule_firings where id = ${firingId}::uuid and state = 'waiting'`,
    )
    const active = await settleActiveFirings(db, schedule)
    const decision = decideOverlap(schedule.overlap, { active: active.length, waiting: 0 })
    if (waits.length === 0 || decision.kind !== 'start') return { kind: 'taken' }
    if ((await reachedByStart(db, start)) !== null) return { kind: 'taken' }
    const firing = await settleFiring(db, firingId, fateOfStart(start, schedule))
    await writeStart(db, firingId, start, schedule)
    return { kind: 'fired', firings: [firing] }
  })
}
