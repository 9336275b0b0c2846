import type { FiringRecord, Page } from '@celeriac/core'
import { decodeCursor, encodeCursor } from '../../cursor.ts'
import type { Database, Statement } from '../../database.ts'
import { pageSize, toPage } from '../../page.ts'
import { isUuid } from '../../uuid.ts'
import { firingColumns, toFiring, type FiringRow } from './firing-row.ts'

const firstPage: Statement = {
  name: 'list_firings',
  text: `
    select ${firingColumns} from schedule_firings f where f.schedule_id = $1
    order by f.due_at desc, f.id desc limit $2`,
}

const laterPage: Statement = {
  name: 'list_firings_after',
  text: `
    select ${firingColumns} from schedule_firings f
    where f.schedule_id = $1 and (f.due_at, f.id) < (to_timestamp($3::float8 / 1000)::timestamptz(3), $4::uuid)
    order by f.due_at desc, f.id desc limit $2`,
}

// By `schedule_firings_created`, and with `any(array(…))` then by the key: with `in` the whole table would be read. `skip locked`: two who clean up do not wait for each other, nor for who fires.
const deleteOld: Statement = {
  name: 'delete_old_firings',
  text: `
    with old as (
      delete from schedule_firings where id = any(array(
        select id from schedule_firings
        where created_at < now() - $1::float8 * interval '1 ms' and state <> 'waiting'
        order by created_at limit $2 for update skip locked
      )) returning 1
    )
    select count(*)::int as deleted from old`,
}

/** Firings of an entry, the latest due time first. Index: `schedule_firings_list`. */
export async function listFirings(
  database: Database,
  query: { readonly scheduleId: string; readonly limit: number; readonly cursor?: string },
): Promise<Page<FiringRecord>> {
  const limit = pageSize(query.limit)
  const after = query.cursor === undefined ? null : decodeCursor('firings', query.cursor, ['instant', 'uuid'])
  if (!isUuid(query.scheduleId)) return { items: [], cursor: null }
  const rows = await database.call<FiringRow>(after === null ? firstPage : laterPage, [
    query.scheduleId,
    limit + 1,
    ...(after ?? []),
  ])
  return toPage(rows, limit, toFiring, ({ due_at: dueAt, id }) => encodeCursor('firings', [dueAt, id]))
}

/** One batch. A due time whose firing is gone is not fired again: entries only go forward. */
export async function deleteOldFirings(
  database: Database,
  { olderThanMs, limit }: { readonly olderThanMs: number; readonly limit: number },
): Promise<number> {
  const [row] = await database.call<{ readonly deleted: number }>(deleteOld, [olderThanMs, limit])
  return row?.deleted ?? 0
}
