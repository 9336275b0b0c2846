import type { AuditEntry, Instant, NewAuditEntry, Page, RetentionStore } from '@celeriac/core'
import { decodeCursor, encodeCursor } from '../../cursor.ts'
import type { Database, Statement } from '../../database.ts'
import { pageSize, toPage } from '../../page.ts'
import { storableJson, storableText } from '../../storable-json.ts'
import { auditColumns, toAuditEntry, type AuditRow } from './account-rows.ts'

const insert: Statement = {
  name: 'append_audit',
  text: `
    insert into audit_log (id, at, actor_kind, actor_user_id, actor_token_id, actor_name, action, outcome, target, address, details)
    values ($1::uuid, now(), $2, $3::uuid, $4::uuid, $5, $6, $7, $8, $9, $10::jsonb)`,
}

const page: Statement = {
  name: 'list_audit',
  text: `
    select ${auditColumns} from audit_log a
    where (a.at, a.id) < (to_timestamp($1::float8 / 1000)::timestamptz(3), $2::uuid)
    order by a.at desc, a.id desc limit $3`,
}

/** `any(array(…))`: found by the key, whatever the planner thinks of the number. */
const removeOld: Statement = {
  name: 'delete_old_audit',
  text: `
    with deleted as (
      delete from audit_log where id = any(array(
        select id from audit_log where at < to_timestamp($1::float8 / 1000) order by at, id limit $2
      )) returning 1
    )
    select count(*)::int as deleted from deleted`,
}

export async function appendAudit(database: Database, entry: NewAuditEntry): Promise<void> {
  const { id, actor, action, outcome, target, address, details } = entry
  await database.call(insert, [
    id,
    actor.kind,
    actor.userId,
    actor.tokenId,
    storableText(actor.name),
    action,
    outcome,
    target === null ? null : storableText(target),
    address,
    storableJson(details),
  ])
}

const endOfTime: Instant = Date.UTC(9999, 0, 1)
const lastUuid = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** Entries, the newest first. Index: `audit_log_list`. */
export async function listAudit(
  database: Database,
  query: { readonly limit: number; readonly cursor?: string },
): Promise<Page<AuditEntry>> {
  const limit = pageSize(query.limit)
  const from: readonly [Instant, string] =
    query.cursor === undefined
      ? [endOfTime, lastUuid]
      : decodeCursor('audit', query.cursor, ['instant', 'uuid'])
  const rows = await database.call<AuditRow>(page, [...from, limit + 1])
  return toPage(rows, limit, toAuditEntry, ({ at, id }) => encodeCursor('audit', [at, id]))
}

/** Index: `audit_log_list`. */
export async function deleteOldAudit(
  database: Database,
  { madeBefore, limit }: Parameters<RetentionStore['deleteOldAudit']>[0],
): Promise<number> {
  const [row] = await database.call<{ readonly deleted: number }>(removeOld, [madeBefore, limit])
  return row?.deleted ?? 0
}
