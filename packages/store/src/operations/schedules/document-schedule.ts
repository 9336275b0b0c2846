import { sql } from 'drizzle-orm'
import type {
  DagVersionRecord,
  Instant,
  ScheduleRecord,
  ScheduleSettings,
  ScheduleTarget,
} from '@celeriac/core'
import type { Queryable } from '../../database.ts'
import { rowsOf } from '../../sql-rows.ts'
import { storableJson } from '../../storable-json.ts'
import { scheduleColumns, toSchedule, type ScheduleRow } from './schedule-row.ts'
import { changeSchedule, insertSchedule } from './write-schedule.ts'

/**
 * Makes the entry of a DAG what its newest document says, within the transaction that registers it. An entry that
 * somebody has disabled stays disabled: a new version of the document is no reason to fire again. While the times stay the
 * same, so does the due time that is waited for: a document that changes every day must not put off its interval.
 * @throws AppError CONFLICT_SCHEDULE_EXISTS when an entry of the DAG's name does not belong to the DAG
 */
export async function setDocumentSchedule(
  db: Queryable,
  dag: Pick<DagVersionRecord, 'dagId' | 'name'>,
  settings: ScheduleSettings | null,
): Promise<void> {
  const [row] = await rowsOf<ScheduleRow & { readonly is_same_spec: boolean }>(
    db,
    sql`
      select ${sql.raw(scheduleColumns)}, s.spec = ${storableJson(settings?.spec ?? null)}::jsonb as is_same_spec
      from schedules s where s.owner_dag_id = ${dag.dagId}::uuid for update`,
  )
  if (settings === null) {
    if (row !== undefined) await rowsOf(db, sql`delete from schedules where id = ${row.id}::uuid`)
    return
  }
  const target: ScheduleTarget = { kind: 'dag', dag: dag.dagId, version: null }
  if (row === undefined) {
    await insertSchedule(db, { ...settings, name: dag.name, target }, dag.dagId)
    return
  }
  const known = toSchedule(row)
  const { id, version, isEnabled } = known
  await changeSchedule(db, {
    id,
    fromVersion: version,
    target,
    settings: {
      ...settings,
      ...(row.is_same_spec && isDueWithin(known, settings.endAt)
        ? { anchorAt: known.anchorAt, nextDueAt: known.nextDueAt }
        : {}),
      isEnabled: isEnabled && settings.isEnabled,
    },
  })
}

const isDueWithin = ({ nextDueAt }: ScheduleRecord, endAt: Instant | null): boolean =>
  nextDueAt !== null && (endAt === null || nextDueAt <= endAt)
