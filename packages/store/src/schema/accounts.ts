import { sql } from 'drizzle-orm'
import { boolean, check, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import {
  roles,
  tokenKinds,
  type JsonObject,
  type Role,
  type TokenKind,
  type TokenScope,
} from '@celeriac/core'
import { instant, literals } from './columns.ts'

/** People. Names are ASCII, so that `lower` means the same in every database. */
export const users = pgTable(
  'users',
  {
    id: uuid('id').primaryKey(),
    username: text('username').notNull(),
    email: text('email'),
    passwordHash: text('password_hash').notNull(),
    role: text('role').$type<Role>().notNull(),
    isDisabled: boolean('is_disabled').notNull(),
    credentialVersion: integer('credential_version').notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [
    uniqueIndex('users_username_key').on(sql`lower(${table.username})`),
    check('users_role', sql`${table.role} in ${literals(roles)}`),
    check('users_username', sql`${table.username} ~ '^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$'`),
  ],
)

/** Logins and API tokens. Of the token itself only the digest is here. */
export const apiTokens = pgTable(
  'api_tokens',
  {
    id: uuid('id').primaryKey(),
    /** Null: of the configured admin token. */
    userId: uuid('user_id').references(() => users.id, { onDelete: 'cascade' }),
    kind: text('kind').$type<TokenKind>().notNull(),
    name: text('name').notNull(),
    prefix: text('prefix').notNull(),
    digest: text('digest').notNull(),
    role: text('role').$type<Role>().notNull(),
    scopes: text('scopes').array().$type<TokenScope[]>().notNull(),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at'),
    lastUsedAt: instant('last_used_at'),
    revokedAt: instant('revoked_at'),
  },
  (table) => [
    uniqueIndex('api_tokens_digest_key').on(table.digest),
    index('api_tokens_list')
      .on(table.createdAt, table.id)
      .where(sql`${table.kind} = 'api'`),
    // A null is no equality: its order cannot be read from the index below.
    index('api_tokens_of_nobody')
      .on(table.createdAt, table.id)
      .where(sql`${table.kind} = 'api' and ${table.userId} is null`),
    index('api_tokens_of_user').on(table.userId, table.kind, table.createdAt, table.id),
    index('api_tokens_expired')
      .on(table.expiresAt)
      .where(sql`${table.expiresAt} is not null`),
    index('api_tokens_revoked')
      .on(table.revokedAt)
      .where(sql`${table.revokedAt} is not null`),
    check('api_tokens_role', sql`${table.role} in ${literals(roles)}`),
    check('api_tokens_kind', sql`${table.kind} in ${literals(tokenKinds)}`),
    check(
      'api_tokens_session',
      sql`${table.kind} = 'api' or (${table.userId} is not null and ${table.expiresAt} is not null)`,
    ),
  ],
)

/** Who did what. Rows are never changed; a trigger refuses it. No references: what is told may be gone. */
export const auditLog = pgTable(
  'audit_log',
  {
    id: uuid('id').primaryKey(),
    at: instant('at').notNull(),
    actorKind: text('actor_kind').notNull(),
    actorUserId: uuid('actor_user_id'),
    actorTokenId: uuid('actor_token_id'),
    actorName: text('actor_name').notNull(),
    action: text('action').notNull(),
    outcome: text('outcome').$type<'ok' | 'failed'>().notNull(),
    target: text('target'),
    address: text('address'),
    details: jsonb('details').$type<JsonObject>().notNull(),
  },
  (table) => [
    index('audit_log_list').on(table.at, table.id),
    check('audit_log_outcome', sql`${table.outcome} in ('ok', 'failed')`),
  ],
)
