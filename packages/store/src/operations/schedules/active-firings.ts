import { sql } from 'drizzle-orm'
import { openRunStates, type ActiveFiring, type ScheduleRecord } from '@celeriac/core'
import type { Queryable } from '../../database.ts'
import { rowsOf } from '../../sql-rows.ts'

const textList = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(', ')
/** Celery's final states; a task that is tried again is not at its end. */
const finalTaskStates = ['SUCCESS', 'FAILURE', 'REVOKED', 'REJECTED', 'IGNORED']

/**
 * Whether the started firing `f` of the entry `s` has ended. Of a plain task only the result tells, where workers keep it
 * in this database; without one the entry's limit counts.
 */
export const hasEnded = `
  case f.kind
    when 'run' then not exists (
      select 1 from runs r where r.id = f.id and r.state in (${textList(openRunStates)})
    )
    else f.started_at < now() - s.overlap_limit_ms * interval '1 ms' or exists (
      select 1 from task_results t where t.task_id = f.id::text and t.status in (${textList(finalTaskStates)})
    )
  end`

/**
 * Firings of the entry that were started and have not ended. Those that have are closed for good, so that each is looked
 * at a few times and not at every firing to come: a run that is run again later does not count.
 *
 * The caller holds the lock on the entry.
 */
export async function settleActiveFirings(
  db: Queryable,
  { id }: Pick<ScheduleRecord, 'id'>,
): Promise<readonly ActiveFiring[]> {
  await rowsOf(
    db,
    sql`
      update schedule_firings f set is_open = false from schedules s
      where f.schedule_id = ${id}::uuid and s.id = f.schedule_id and f.is_open and ${sql.raw(hasEnded)}`,
  )
  return rowsOf<ActiveFiring>(
    db,
    sql`
      select f.id, f.kind from schedule_firings f where f.schedule_id = ${id}::uuid and f.is_open
      order by f.started_at`,
  )
}
