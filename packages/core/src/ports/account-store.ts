import type { Grant, Role } from '../access.ts'
import type { Instant, JsonObject } from '../json.ts'
import type { Page } from './store.ts'

export interface UserRecord {
  readonly id: string
  readonly username: string
  readonly email: string | null
  readonly role: Role
  readonly isDisabled: boolean
  readonly createdAt: Instant
}

/** What a login needs. Never leaves the service that checks passwords. */
export interface UserSecret {
  readonly user: UserRecord
  readonly passwordHash: string
  /** Counts what ends the tokens of the user: a new password, being disabled. */
  readonly credentialVersion: number
}

export interface NewUser {
  readonly id: string
  readonly username: string
  readonly email: string | null
  readonly role: Role
  readonly passwordHash: string
}

export interface UserChange {
  readonly id: string
  readonly email?: string | null
  readonly role?: Role
  /** True ends all tokens of the user. */
  readonly isDisabled?: boolean
  /** A new password ends all tokens of the user. */
  readonly passwordHash?: string
}

/** `session`: a login; `api`: made to be kept. */
export const tokenKinds = ['session', 'api'] as const
export type TokenKind = (typeof tokenKinds)[number]

export interface TokenRecord extends Grant {
  readonly id: string
  /** Null: made by the configured admin token; it belongs to nobody. */
  readonly userId: string | null
  readonly kind: TokenKind
  readonly name: string
  /** The beginning of the token, to tell it by. */
  readonly prefix: string
  readonly createdAt: Instant
  readonly expiresAt: Instant | null
  /** To the minute, about. */
  readonly lastUsedAt: Instant | null
  readonly revokedAt: Instant | null
}

export interface NewToken extends Grant {
  readonly id: string
  /** With the credential version that was checked: nothing is made for a user whose password has changed since. */
  readonly owner: { readonly userId: string; readonly credentialVersion: number } | null
  readonly kind: TokenKind
  readonly name: string
  readonly prefix: string
  /** SHA-256 of the token, hexadecimal. */
  readonly digest: string
  /** From now on; null: it does not expire. */
  readonly lifetimeMs: number | null
}

/** A token that may be used now, and whose it is. */
export interface UsableToken {
  readonly token: TokenRecord
  readonly user: UserRecord | null
  readonly credentialVersion: number | null
  /** Until it expires. */
  readonly remainingMs: number | null
  /** Its last use was noted long enough ago to be noted again. */
  readonly isTouchDue: boolean
}

/** `configured`: the admin token of the installation. */
export const actorKinds = ['configured', ...tokenKinds, 'anonymous'] as const
export type ActorKind = (typeof actorKinds)[number]

export interface NewAuditEntry {
  readonly id: string
  readonly actor: {
    readonly kind: ActorKind
    readonly userId: string | null
    readonly tokenId: string | null
    readonly name: string
  }
  readonly action: string
  readonly outcome: 'ok' | 'failed'
  readonly target: string | null
  readonly address: string | null
  readonly details: JsonObject
}

export interface AuditEntry extends NewAuditEntry {
  readonly at: Instant
}

interface PageQuery {
  readonly limit: number
  readonly cursor?: string
}

/** Users, their tokens, and who did what. The database's clock decides what has expired. */
export interface AccountStore {
  /** CONFLICT_USER_EXISTS: names are unique whatever the case of their letters. */
  createUser(user: NewUser): Promise<UserRecord>
  /** By id or name. */
  findUser(idOrName: string): Promise<UserSecret | null>
  /** By name. */
  listUsers(page: PageQuery): Promise<Page<UserRecord>>
  /** Null: there is no such user. */
  updateUser(change: UserChange): Promise<UserRecord | null>
  /** The same password under another hash: only while the stored hash is still `from`. Ends no tokens. */
  rehashPassword(change: { readonly id: string; readonly from: string; readonly to: string }): Promise<void>
  /**
   * A new password of a user's own choice, which ends the other logins of the user: all but `keptTokenId`. API tokens stay.
   * Gives how many it ended; null where the credentials are not those that were checked, or the user is disabled.
   */
  changePassword(change: {
    readonly id: string
    readonly credentialVersion: number
    readonly passwordHash: string
    readonly keptTokenId: string
  }): Promise<number | null>

  /** Null: the owner is disabled, gone, or has other credentials by now. */
  createToken(token: NewToken): Promise<TokenRecord | null>
  /** Null: not known, expired, revoked, or its owner is disabled. */
  findToken(digest: string): Promise<UsableToken | null>
  /** Notes that a token is in use. */
  touchToken(id: string): Promise<void>
  /** API tokens of an owner: the id of a user, null for those of nobody, `anyone` for all. Newest first. */
  listTokens(query: PageQuery & { readonly ownedBy: string | null }): Promise<Page<TokenRecord>>
  /** Null: there is no such token of this owner. Revoking twice changes nothing. */
  revokeToken(query: { readonly id: string; readonly ownedBy: string | null }): Promise<TokenRecord | null>
  /** Ends the logins of a user; gives how many. */
  revokeSessions(userId: string): Promise<number>
  /** Deletes tokens that ended longer ago, `limit` at most; gives how many. */
  deleteOldTokens(batch: { readonly olderThanMs: number; readonly limit: number }): Promise<number>

  appendAudit(entry: NewAuditEntry): Promise<void>
  /** Newest first. */
  listAudit(page: PageQuery): Promise<Page<AuditEntry>>
}
