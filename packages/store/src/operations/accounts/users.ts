import {
  AppError,
  type AccountStore,
  type NewUser,
  type Page,
  type UserChange,
  type UserRecord,
  type UserSecret,
} from '@celeriac/core'
import { decodeCursor, encodeCursor } from '../../cursor.ts'
import type { Database, Statement } from '../../database.ts'
import { pageSize, toPage } from '../../page.ts'
import { inlined, rowsOf } from '../../sql-rows.ts'
import { isUuid } from '../../uuid.ts'
import { toUser, userColumns, type UserRow } from './account-rows.ts'

const insert: Statement = {
  name: 'insert_user',
  text: `
    insert into users as u (id, username, email, password_hash, role, is_disabled, credential_version, created_at)
    values ($1::uuid, $2, $3, $4, $5, false, 1, now())
    on conflict (lower(username)) do nothing
    returning ${userColumns}`,
}

const secretColumns = `${userColumns}, u.password_hash, u.credential_version`
const byId: Statement = {
  name: 'find_user_by_id',
  text: `select ${secretColumns} from users u where u.id = $1::uuid`,
}
const byName: Statement = {
  name: 'find_user_by_name',
  text: `select ${secretColumns} from users u where lower(u.username) = lower($1)`,
}

// An empty text comes before every name: the first page needs no other statement.
const page: Statement = {
  name: 'list_users',
  text: `select ${userColumns} from users u where lower(u.username) > lower($1) order by lower(u.username) limit $2`,
}

/** What ends the tokens of the user also makes logins fail that have checked the old password. */
const update: Statement = {
  name: 'update_user',
  text: `
    update users u set
      email = case when $2::boolean then $3 else u.email end,
      role = coalesce($4, u.role),
      is_disabled = coalesce($5::boolean, u.is_disabled),
      password_hash = coalesce($6, u.password_hash),
      credential_version = u.credential_version + case when $7::boolean then 1 else 0 end
    where u.id = $1::uuid
    returning ${userColumns}`,
}

const endTokens: Statement = {
  name: 'end_tokens_of_user',
  text: `update api_tokens set revoked_at = now() where user_id = $1::uuid and revoked_at is null`,
}

const rehash: Statement = {
  name: 'rehash_password',
  text: `update users set password_hash = $3 where id = $1::uuid and password_hash = $2`,
}

/** Of two changes at once the second finds another version. The row is locked before tokens are, as in `update`. */
const change: Statement = {
  name: 'change_password',
  text: `
    update users set password_hash = $3, credential_version = credential_version + 1
    where id = $1::uuid and credential_version = $2::int and not is_disabled
    returning 1`,
}
const endOtherLogins: Statement = {
  name: 'end_other_logins',
  text: `
    with ended as (
      update api_tokens set revoked_at = now()
      where user_id = $1::uuid and kind = 'session' and revoked_at is null and expires_at > now() and id <> $2::uuid
      returning 1
    )
    select count(*)::int as ended from ended`,
}

/** @throws AppError CONFLICT_USER_EXISTS */
export async function createUser(database: Database, user: NewUser): Promise<UserRecord> {
  const { id, username, email, passwordHash, role } = user
  const [row] = await database.call<UserRow>(insert, [id, username, email, passwordHash, role])
  if (row !== undefined) return toUser(row)
  throw new AppError('CONFLICT_USER_EXISTS', 'a user of this name exists', { details: { username } })
}

export async function findUser(database: Database, idOrName: string): Promise<UserSecret | null> {
  const statement = isUuid(idOrName) ? byId : byName
  const [row] = await database.call<UserRow & { password_hash: string; credential_version: number }>(
    statement,
    [idOrName],
  )
  if (row === undefined) return null
  return {
    user: toUser(row),
    passwordHash: row.password_hash,
    credentialVersion: row.credential_version,
  }
}

/** Users by name. Index: `users_username_key`. */
export async function listUsers(
  database: Database,
  query: { readonly limit: number; readonly cursor?: string },
): Promise<Page<UserRecord>> {
  const limit = pageSize(query.limit)
  const [after] = query.cursor === undefined ? [''] : decodeCursor('users', query.cursor, ['text'])
  const rows = await database.call<UserRow>(page, [after, limit + 1])
  return toPage(rows, limit, toUser, ({ username }) => encodeCursor('users', [username]))
}

export async function updateUser(database: Database, change: UserChange): Promise<UserRecord | null> {
  const { id, email, role, isDisabled, passwordHash } = change
  if (!isUuid(id)) return null
  const endsTokens = passwordHash !== undefined || isDisabled === true
  const params = [
    id,
    email !== undefined,
    email ?? null,
    role ?? null,
    isDisabled ?? null,
    passwordHash ?? null,
    endsTokens,
  ]
  return database.transaction(async (db) => {
    const [row] = await rowsOf<UserRow>(db, inlined(update, params))
    if (row === undefined) return null
    if (endsTokens) await rowsOf(db, inlined(endTokens, [id]))
    return toUser(row)
  })
}

export async function rehashPassword(
  database: Database,
  { id, from, to }: { readonly id: string; readonly from: string; readonly to: string },
): Promise<void> {
  await database.call(rehash, [id, from, to])
}

export async function changePassword(
  database: Database,
  { id, credentialVersion, passwordHash, keptTokenId }: Parameters<AccountStore['changePassword']>[0],
): Promise<number | null> {
  return database.transaction(async (db) => {
    const changed = await rowsOf(db, inlined(change, [id, credentialVersion, passwordHash]))
    if (changed.length === 0) return null
    const [row] = await rowsOf<{ readonly ended: number }>(db, inlined(endOtherLogins, [id, keptTokenId]))
    return row?.ended ?? 0
  })
}
