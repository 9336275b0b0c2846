import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import {
  AppError,
  type NewSchedule,
  type ScheduleRecord,
  type ScheduleSettings,
  type ScheduleTarget,
} from '@celeriac/core'
import type { Database, Queryable, Statement } from '../../database.ts'
import { inlined, rowsOf } from '../../sql-rows.ts'
import { storableJson } from '../../storable-json.ts'
import { isUuid } from '../../uuid.ts'
import { limitOf, scheduleColumns, toSchedule, type ScheduleRow } from './schedule-row.ts'

const instant = (param: string): string => `to_timestamp(${param}::float8 / 1000)::timestamptz(3)`

const insert: Statement = {
  name: 'insert_schedule',
  text: `
    insert into schedules as s (
      id, name, target, spec, catch_up, catch_up_limit, overlap, overlap_limit_ms, is_enabled, end_at, anchor_at, next_due_at,
      owner_dag_id, version, created_at, updated_at
    )
    values ($1::uuid, $2, $3::jsonb, $4::jsonb, $5, $6::int, $7, $8::bigint, $9::boolean, ${instant('$10')},
      ${instant('$11')}, ${instant('$12')}, $13::uuid, 1, now(), now())
    on conflict (name) do nothing
    returning ${scheduleColumns}`,
}

/** A change of times or target is a new version; `last_due_at` stays, since it is history. */
const update: Statement = {
  name: 'update_schedule',
  text: `
    update schedules s set
      target = $3::jsonb, spec = $4::jsonb, catch_up = $5, catch_up_limit = $6::int, overlap = $7,
      overlap_limit_ms = $8::bigint, is_enabled = $9::boolean, end_at = ${instant('$10')}, anchor_at = ${instant('$11')},
      next_due_at = ${instant('$12')}, version = s.version + 1, updated_at = now()
    where s.id = $1::uuid and s.version = $2::int
    returning ${scheduleColumns}`,
}

/** Nobody will start them: an entry that is disabled is not looked at. */
const giveUpWaiting: Statement = {
  name: 'give_up_waiting_firings',
  text: `
    update schedule_firings set state = 'skipped', reason = 'disabled'
    where schedule_id = $1::uuid and state = 'waiting'`,
}

const settingParams = (settings: ScheduleSettings, target: ScheduleTarget): readonly unknown[] => [
  storableJson(target),
  storableJson(settings.spec),
  settings.catchUp.kind,
  limitOf(settings.catchUp),
  settings.overlap,
  settings.overlapLimitMs,
  settings.isEnabled,
  settings.endAt,
  settings.anchorAt,
  settings.nextDueAt,
]

/** @throws AppError CONFLICT_SCHEDULE_EXISTS */
export async function createSchedule(database: Database, schedule: NewSchedule): Promise<ScheduleRecord> {
  return database.query((db) => insertSchedule(db, schedule, null))
}

/** @throws AppError CONFLICT_SCHEDULE_EXISTS */
export async function insertSchedule(
  db: Queryable,
  schedule: NewSchedule,
  ownerDagId: string | null,
): Promise<ScheduleRecord> {
  const params = [randomUUID(), schedule.name, ...settingParams(schedule, schedule.target), ownerDagId]
  const [row] = await rowsOf<ScheduleRow>(db, inlined(insert, params))
  if (row !== undefined) return toSchedule(row)
  throw new AppError('CONFLICT_SCHEDULE_EXISTS', 'a schedule of this name exists', {
    details: { schedule: schedule.name },
  })
}

export interface ScheduleChange {
  readonly id: string
  readonly fromVersion: number
  readonly settings: ScheduleSettings
  readonly target: ScheduleTarget
}

/** Null, and nothing is written, unless the entry has this version. */
export async function updateSchedule(
  database: Database,
  change: ScheduleChange,
): Promise<ScheduleRecord | null> {
  if (!isUuid(change.id)) return null
  return database.transaction((db) => changeSchedule(db, change))
}

export async function changeSchedule(
  db: Queryable,
  { id, fromVersion, settings, target }: ScheduleChange,
): Promise<ScheduleRecord | null> {
  const params = [id, fromVersion, ...settingParams(settings, target)]
  const [row] = await rowsOf<ScheduleRow>(db, inlined(update, params))
  if (row === undefined) return null
  if (!settings.isEnabled) await rowsOf(db, inlined(giveUpWaiting, [id]))
  return toSchedule(row)
}

/** Firings go with it; runs and the outbox stay. */
export async function deleteSchedule(database: Database, name: string): Promise<ScheduleRecord | null> {
  const [row] = await database.query((db) =>
    rowsOf<ScheduleRow>(
      db,
      sql`delete from schedules s where s.name = ${name} returning ${sql.raw(scheduleColumns)}`,
    ),
  )
  return row === undefined ? null : toSchedule(row)
}
