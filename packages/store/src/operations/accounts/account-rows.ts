import type {
  ActorKind,
  AuditEntry,
  Instant,
  JsonObject,
  Role,
  TokenKind,
  TokenRecord,
  TokenScope,
  UserRecord,
} from '@celeriac/core'

const ms = (column: string): string => `round(date_part('epoch', ${column}) * 1000)`

/** Columns of a user in a hand-written statement; the table must be called `u`. */
export const userColumns = `
  u.id as user_id, u.username, u.email, u.role as user_role, u.is_disabled, ${ms('u.created_at')} as user_created_at`

export interface UserRow {
  readonly user_id: string
  readonly username: string
  readonly email: string | null
  readonly user_role: Role
  readonly is_disabled: boolean
  readonly user_created_at: Instant
}

export const toUser = (row: UserRow): UserRecord => ({
  id: row.user_id,
  username: row.username,
  email: row.email,
  role: row.user_role,
  isDisabled: row.is_disabled,
  createdAt: row.user_created_at,
})

/** Columns of a token in a hand-written statement; the table must be called `t`. */
export const tokenColumns = `
  t.id, t.user_id as owner_id, t.kind, t.name, t.prefix, t.role, to_jsonb(t.scopes) as scopes, ${[
    'created_at',
    'expires_at',
    'last_used_at',
    'revoked_at',
  ]
    .map((column) => `${ms(`t.${column}`)} as ${column}`)
    .join(', ')}`

export interface TokenRow {
  readonly id: string
  readonly owner_id: string | null
  readonly kind: TokenKind
  readonly name: string
  readonly prefix: string
  readonly role: Role
  readonly scopes: readonly TokenScope[]
  readonly created_at: Instant
  readonly expires_at: Instant | null
  readonly last_used_at: Instant | null
  readonly revoked_at: Instant | null
}

export const toToken = (row: TokenRow): TokenRecord => ({
  id: row.id,
  userId: row.owner_id,
  kind: row.kind,
  name: row.name,
  prefix: row.prefix,
  role: row.role,
  scopes: row.scopes,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  lastUsedAt: row.last_used_at,
  revokedAt: row.revoked_at,
})

/** Columns of an entry of the audit log in a hand-written statement; the table must be called `a`. */
export const auditColumns = `
  a.id, ${ms('a.at')} as at, a.actor_kind, a.actor_user_id, a.actor_token_id, a.actor_name, a.action, a.outcome, a.target,
  a.address, a.details`

export interface AuditRow {
  readonly id: string
  readonly at: Instant
  readonly actor_kind: ActorKind
  readonly actor_user_id: string | null
  readonly actor_token_id: string | null
  readonly actor_name: string
  readonly action: string
  readonly outcome: 'ok' | 'failed'
  readonly target: string | null
  readonly address: string | null
  readonly details: JsonObject
}

export const toAuditEntry = (row: AuditRow): AuditEntry => ({
  id: row.id,
  at: row.at,
  actor: {
    kind: row.actor_kind,
    userId: row.actor_user_id,
    tokenId: row.actor_token_id,
    name: row.actor_name,
  },
  action: row.action,
  outcome: row.outcome,
  target: row.target,
  address: row.address,
  details: row.details,
})
