import type { Instant, NewToken, Page, TokenRecord, UsableToken } from '@celeriac/core'
import { decodeCursor, encodeCursor } from '../../cursor.ts'
import type { Database, Statement } from '../../database.ts'
import { pageSize, toPage } from '../../page.ts'
import { isUuid } from '../../uuid.ts'
import { tokenColumns, toToken, toUser, userColumns, type TokenRow, type UserRow } from './account-rows.ts'

const values = `
  $1::uuid as id, $2 as kind, $3 as name, $4 as prefix, $5 as digest, $6 as role,
  array(select jsonb_array_elements_text($7::jsonb)) as scopes, now() as created_at,
  now() + $8::float8 * interval '1 ms' as expires_at`
const columns = 'id, kind, name, prefix, digest, role, scopes, created_at, expires_at'

const insert: Statement = {
  name: 'insert_token',
  text: `
    insert into api_tokens as t (${columns})
    select ${values}
    returning ${tokenColumns}`,
}

/** The lock makes a change of the password wait, which then ends this token too. */
const insertOfUser: Statement = {
  name: 'insert_token_of_user',
  text: `
    insert into api_tokens as t (${columns}, user_id)
    select ${values}, u.id from users u
    where u.id = $9::uuid and u.credential_version = $10::int and not u.is_disabled
    for share of u
    returning ${tokenColumns}`,
}

/** Both clocks of the answer are the database's: schedulers need not agree on the time. */
const usable: Statement = {
  name: 'find_token',
  text: `
    select ${tokenColumns}, ${userColumns}, u.credential_version,
      date_part('epoch', t.expires_at - now()) * 1000 as remaining_ms,
      t.last_used_at is null or t.last_used_at < now() - interval '1 minute' as is_touch_due
    from api_tokens t left join users u on u.id = t.user_id
    where t.digest = $1 and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
      and u.is_disabled is not true`,
}

/** Of schedulers that see the same use, one writes. */
const touch: Statement = {
  name: 'touch_token',
  text: `
    update api_tokens set last_used_at = now()
    where id = $1::uuid and (last_used_at is null or last_used_at < now() - interval '1 minute')`,
}

const after = `(t.created_at, t.id) < (to_timestamp($1::float8 / 1000)::timestamptz(3), $2::uuid)`
const latestFirst = `order by t.created_at desc, t.id desc limit $3`
const listAll: Statement = {
  name: 'list_tokens',
  text: `select ${tokenColumns} from api_tokens t where t.kind = 'api' and ${after} ${latestFirst}`,
}
const listOfUser: Statement = {
  name: 'list_tokens_of_user',
  text: `
    select ${tokenColumns} from api_tokens t
    where t.kind = 'api' and t.user_id = $4::uuid and ${after} ${latestFirst}`,
}
const listOfNobody: Statement = {
  name: 'list_tokens_of_nobody',
  text: `
    select ${tokenColumns} from api_tokens t
    where t.kind = 'api' and t.user_id is null and ${after} ${latestFirst}`,
}

const revoke = (name: string, owner: string): Statement => ({
  name,
  text: `
    update api_tokens t set revoked_at = coalesce(t.revoked_at, now()) where t.id = $1::uuid ${owner}
    returning ${tokenColumns}`,
})
const revokeAny = revoke('revoke_token', '')
const revokeOfUser = revoke('revoke_token_of_user', 'and t.user_id = $2::uuid')
const revokeOfNobody = revoke('revoke_token_of_nobody', 'and t.user_id is null')

const endSessions: Statement = {
  name: 'end_sessions',
  text: `
    with ended as (
      update api_tokens set revoked_at = now()
      where user_id = $1::uuid and kind = 'session' and revoked_at is null and expires_at > now()
      returning 1
    )
    select count(*)::int as ended from ended`,
}

/** Each half is read from its own index, the oldest first. */
const deleteOld: Statement = {
  name: 'delete_old_tokens',
  text: `
    with old as (
      (select id from api_tokens
       where expires_at is not null and expires_at < now() - $1::float8 * interval '1 ms'
       order by expires_at limit $2)
      union
      (select id from api_tokens
       where revoked_at is not null and revoked_at < now() - $1::float8 * interval '1 ms'
       order by revoked_at limit $2)
      limit $2
    ), deleted as (
      delete from api_tokens where id = any(array(select id from old)) returning 1
    )
    select count(*)::int as deleted from deleted`,
}

export async function createToken(database: Database, token: NewToken): Promise<TokenRecord | null> {
  const { id, owner, kind, name, prefix, digest, role, scopes, lifetimeMs } = token
  const params = [id, kind, name, prefix, digest, role, JSON.stringify(scopes), lifetimeMs]
  const [row] =
    owner === null
      ? await database.call<TokenRow>(insert, params)
      : await database.call<TokenRow>(insertOfUser, [...params, owner.userId, owner.credentialVersion])
  return row === undefined ? null : toToken(row)
}

type UsableRow = TokenRow & {
  readonly [Key in keyof UserRow]: UserRow[Key] | null
} & {
  readonly credential_version: number | null
  readonly remaining_ms: number | null
  readonly is_touch_due: boolean
}

export async function findToken(database: Database, digest: string): Promise<UsableToken | null> {
  const [row] = await database.call<UsableRow>(usable, [digest])
  if (row === undefined) return null
  return {
    token: toToken(row),
    user: row.user_id === null ? null : toUser(row as UserRow),
    credentialVersion: row.credential_version,
    remainingMs: row.remaining_ms,
    isTouchDue: row.is_touch_due,
  }
}

export async function touchToken(database: Database, id: string): Promise<void> {
  await database.call(touch, [id])
}

/** After every instant that a token may have, and within what PostgreSQL and JavaScript both know. */
const endOfTime: Instant = Date.UTC(9999, 0, 1)
const lastUuid = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** API tokens, the newest first. Indexes: `api_tokens_list`, `api_tokens_of_user`. */
export async function listTokens(
  database: Database,
  query: { readonly ownedBy: string | null; readonly limit: number; readonly cursor?: string },
): Promise<Page<TokenRecord>> {
  const limit = pageSize(query.limit)
  const from: readonly [Instant, string] =
    query.cursor === undefined
      ? [endOfTime, lastUuid]
      : decodeCursor('tokens', query.cursor, ['instant', 'uuid'])
  const params = [...from, limit + 1]
  const rows = await listRows(database, query.ownedBy, params)
  return toPage(rows, limit, toToken, ({ created_at: at, id }) => encodeCursor('tokens', [at, id]))
}

async function listRows(
  database: Database,
  ownedBy: string | null,
  params: readonly unknown[],
): Promise<readonly TokenRow[]> {
  if (ownedBy === 'anyone') return database.call<TokenRow>(listAll, params)
  if (ownedBy === null) return database.call<TokenRow>(listOfNobody, params)
  return database.call<TokenRow>(listOfUser, [...params, ownedBy])
}

export async function revokeToken(
  database: Database,
  { id, ownedBy }: { readonly id: string; readonly ownedBy: string | null },
): Promise<TokenRecord | null> {
  if (!isUuid(id)) return null
  const [row] =
    ownedBy === 'anyone'
      ? await database.call<TokenRow>(revokeAny, [id])
      : ownedBy === null
        ? await database.call<TokenRow>(revokeOfNobody, [id])
        : await database.call<TokenRow>(revokeOfUser, [id, ownedBy])
  return row === undefined ? null : toToken(row)
}

export async function revokeSessions(database: Database, userId: string): Promise<number> {
  const [row] = await database.call<{ readonly ended: number }>(endSessions, [userId])
  return row?.ended ?? 0
}

export async function deleteOldTokens(
  database: Database,
  { olderThanMs, limit }: { readonly olderThanMs: number; readonly limit: number },
): Promise<number> {
  const [row] = await database.call<{ readonly deleted: number }>(deleteOld, [olderThanMs, limit])
  return row?.deleted ?? 0
}
