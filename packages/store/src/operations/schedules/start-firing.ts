import { sql, type SQL } from 'drizzle-orm'
import {
  AppError,
  partitionOf,
  type FiringRecord,
  type FiringStart,
  type ScheduleRecord,
} from '@celeriac/core'
import type { Queryable } from '../../database.ts'
import { inlined, rowsOf } from '../../sql-rows.ts'
import { storableJson, storableText } from '../../storable-json.ts'
import { insertRun, openGate } from '../create-run.ts'
import { reachedLimit, type ReachedLimit } from '../open-run-limits.ts'
import { firingColumns, toFiring, type FiringRow } from './firing-row.ts'

export const kindOf = (schedule: Pick<ScheduleRecord, 'target'>): FiringRecord['kind'] =>
  schedule.target.kind === 'dag' ? 'run' : 'task'

/** Values of the columns that say what became of a firing. */
export type FiringFate =
  | { readonly state: 'waiting' }
  | { readonly state: 'started'; readonly isOpen: boolean }
  | { readonly state: 'skipped' | 'failed'; readonly reason: string; readonly message?: string }

/** Where its time comes to be: what a start leads to, or why there is none. */
export const fateOfStart = (start: FiringStart, schedule: Pick<ScheduleRecord, 'overlap'>): FiringFate =>
  start.kind === 'refused'
    ? { state: 'failed', reason: start.code, message: start.message }
    : { state: 'started', isOpen: schedule.overlap !== 'allow' }

const fateColumns = (fate: FiringFate): SQL => sql`
  ${fate.state}, ${'reason' in fate ? fate.reason : null}::text,
  ${'message' in fate ? storableText(fate.message ?? '') : null}::text,
  ${fate.state === 'started' ? sql`now()` : sql`null`}::timestamptz,
  ${fate.state === 'started' && fate.isOpen}::boolean`

/** Null: this due time was fired before. */
export async function insertFiring(
  db: Queryable,
  schedule: ScheduleRecord,
  firing: Pick<FiringRecord, 'id' | 'dueAt' | 'cause'>,
  fate: FiringFate,
): Promise<FiringRecord | null> {
  const [row] = await rowsOf<FiringRow>(
    db,
    sql`
      insert into schedule_firings as f
        (id, schedule_id, due_at, cause, kind, created_at, state, reason, message, started_at, is_open)
      values (
        ${firing.id}::uuid, ${schedule.id}::uuid, to_timestamp(${firing.dueAt}::float8 / 1000)::timestamptz(3),
        ${firing.cause}, ${kindOf(schedule)}, now(), ${fateColumns(fate)}
      )
      on conflict do nothing
      returning ${sql.raw(firingColumns)}`,
  )
  return row === undefined ? null : toFiring(row)
}

/** A firing that waited. */
export async function settleFiring(db: Queryable, firingId: string, fate: FiringFate): Promise<FiringRecord> {
  const [row] = await rowsOf<FiringRow>(
    db,
    sql`
      update schedule_firings f set (state, reason, message, started_at, is_open) = (select ${fateColumns(fate)})
      where f.id = ${firingId}::uuid returning ${sql.raw(firingColumns)}`,
  )
  if (row === undefined) throw new Error('a locked firing is gone')
  return toFiring(row)
}

/** The limit of open runs that keeps the firing from starting; null: it may start. Holds until the transaction ends. */
export const reachedByStart = async (db: Queryable, start: FiringStart): Promise<ReachedLimit | null> =>
  start.kind === 'run' ? reachedLimit(db, start.dagId, start.gate ?? openGate) : null

/**
 * Writes what the firing starts, under the firing's id: the run, which is its own outbox, or the task for the outbox.
 * @throws AppError NOT_FOUND_DAG
 */
export async function writeStart(
  db: Queryable,
  firingId: string,
  start: FiringStart,
  schedule: Pick<ScheduleRecord, 'name'>,
): Promise<void> {
  switch (start.kind) {
    case 'refused':
      return
    case 'task':
      await rowsOf(
        db,
        sql`
          insert into scheduled_tasks (id, task, schedule_name, created_at, claimed_until)
          values (${firingId}::uuid, ${storableJson(start.task)}::jsonb, ${schedule.name}, now(), now())
          on conflict do nothing`,
      )
      return
    case 'run': {
      const { dagId, dagVersion, datasets, gate = openGate } = start
      const partition = partitionOf(firingId)
      const submittedBy = storableText(`schedule:${schedule.name}`)
      const params = [
        firingId,
        dagId,
        dagVersion,
        partition,
        storableJson(datasets),
        null,
        gate.isAdmitted,
        submittedBy,
      ]
      const [inserted] = await rowsOf(db, inlined(insertRun, params))
      if (inserted !== undefined) return
      // The id is the firing's own and the firing is new, so it is the DAG that is missing.
      throw new AppError('NOT_FOUND_DAG', 'no such DAG version', { details: { dagId, dagVersion } })
    }
  }
}
