import { sql } from 'drizzle-orm'
import {
  decideOverlap,
  maxWaitingFirings,
  type FireOutcome,
  type FireRequest,
  type FiringRecord,
  type ScheduleRecord,
} from '@celeriac/core'
import type { Database, Queryable } from '../../database.ts'
import { rowsOf } from '../../sql-rows.ts'
import { isUuid } from '../../uuid.ts'
import { openRunLimitReached } from '../open-run-limits.ts'
import { settleActiveFirings } from './active-firings.ts'
import { fateOfStart, insertFiring, reachedByStart, writeStart, type FiringFate } from './start-firing.ts'

/**
 * Fires due times of one entry, in one transaction: the lock on the entry, its firings, what they start, its next due
 * time. Whoever comes second finds the row locked, or another due time in it, and goes on to the next entry; and should
 * both of that fail, the id of a firing is made from its due time, and there is one row of an id. A process that dies
 * before the commit leaves everything as it was.
 */
export async function fireSchedule(database: Database, request: FireRequest): Promise<FireOutcome> {
  if (!isUuid(request.schedule.id)) return { kind: 'taken' }
  return database.transaction(async (db) => {
    if (!(await lockEntry(db, request))) return { kind: 'taken' }
    const firings: FiringRecord[] = []
    if (request.missed !== null) {
      const fate: FiringFate = { state: 'skipped', reason: 'missed' }
      const missed = await insertFiring(db, request.schedule, { ...request.missed, cause: 'due' }, fate)
      if (missed !== null) firings.push(missed)
    }
    firings.push(
      ...(request.cause === 'manual' ? await fireNow(db, request) : await fireInOrder(db, request)),
    )
    if (request.cause === 'due') await moveOn(db, request)
    return { kind: 'fired', firings }
  })
}

/** A due firing needs the entry as it was read; one that was asked for needs the entry. */
async function lockEntry(db: Queryable, { schedule, cause }: FireRequest): Promise<boolean> {
  const rows = await rowsOf(
    db,
    cause === 'manual'
      ? sql`select 1 from schedules where id = ${schedule.id}::uuid for update`
      : sql`
          select 1 from schedules
          where id = ${schedule.id}::uuid and is_enabled and version = ${schedule.version}
            and next_due_at = to_timestamp(${schedule.nextDueAt}::float8 / 1000)::timestamptz(3)
          for update skip locked`,
  )
  return rows.length > 0
}

/** Somebody wants it now: no policy is asked, but a limit is one. */
async function fireNow(db: Queryable, request: FireRequest): Promise<readonly FiringRecord[]> {
  const fired: FiringRecord[] = []
  for (const { id, dueAt } of request.due) {
    const reached = await reachedByStart(db, request.start)
    if (reached !== null) throw openRunLimitReached(reached)
    const fate = fateOfStart(request.start, request.schedule)
    const firing = await insertFiring(db, request.schedule, { id, dueAt, cause: 'manual' }, fate)
    if (firing === null) continue
    await writeStart(db, id, request.start, request.schedule)
    fired.push(firing)
  }
  return fired
}

async function fireInOrder(db: Queryable, request: FireRequest): Promise<readonly FiringRecord[]> {
  const { schedule, start } = request
  const isWatched = schedule.overlap !== 'allow' && request.due.length > 0
  let active = isWatched ? (await settleActiveFirings(db, schedule)).length : 0
  let waiting = isWatched ? await countWaiting(db, schedule) : 0
  const fired: FiringRecord[] = []
  for (const { id, dueAt } of request.due) {
    const decision = decideOverlap(schedule.overlap, { active, waiting })
    const fate: FiringFate =
      decision.kind === 'start'
        ? await fateOfDue(db, request, waiting)
        : decision.kind === 'skip'
          ? { state: 'skipped', reason: decision.reason }
          : { state: 'waiting' }
    if (decision.kind === 'wait' && decision.replaces) {
      await supersede(db, schedule)
      waiting = 0
    }
    const firing = await insertFiring(db, schedule, { id, dueAt, cause: 'due' }, fate)
    if (firing === null) continue
    fired.push(firing)
    if (firing.state === 'waiting') waiting += 1
    if (firing.state !== 'started') continue
    await writeStart(db, id, start, schedule)
    active += 1
  }
  return fired
}

/** What comes due while too many runs are open waits as it would for an earlier firing, if its entry lets it. */
async function fateOfDue(
  db: Queryable,
  { start, schedule }: FireRequest,
  waiting: number,
): Promise<FiringFate> {
  if ((await reachedByStart(db, start)) === null) return fateOfStart(start, schedule)
  const mayWait = schedule.overlap === 'queue' || schedule.overlap === 'cancel_previous'
  return mayWait && waiting < maxWaitingFirings
    ? { state: 'waiting' }
    : { state: 'skipped', reason: 'open_runs' }
}

async function countWaiting(db: Queryable, { id }: ScheduleRecord): Promise<number> {
  const [row] = await rowsOf<{ waiting: number }>(
    db,
    sql`
      select count(*)::int as waiting from schedule_firings
      where schedule_id = ${id}::uuid and state = 'waiting'`,
  )
  return row?.waiting ?? 0
}

const supersede = (db: Queryable, { id }: ScheduleRecord): Promise<unknown> =>
  rowsOf(
    db,
    sql`
      update schedule_firings set state = 'skipped', reason = 'superseded'
      where schedule_id = ${id}::uuid and state = 'waiting'`,
  )

/** `version` stays: it counts edits. The due time itself is what fences the next one who fires. */
const moveOn = (db: Queryable, { schedule, nextDueAt }: FireRequest): Promise<unknown> =>
  rowsOf(
    db,
    sql`
      update schedules set
        last_due_at = next_due_at,
        next_due_at = to_timestamp(${nextDueAt}::float8 / 1000)::timestamptz(3)
      where id = ${schedule.id}::uuid`,
  )
