import type { AuditEntryView, CallerView, LoginView, TokenView, UserView } from '@celeriac/contracts'
import type { AuditEntry, TokenRecord, UserRecord } from '@celeriac/core'
import type { Login } from '../../accounts/accounts.ts'
import type { Caller } from '../../accounts/caller.ts'
import { isoOf, isoOrNull } from './instant.ts'

export const userView = (user: UserRecord): UserView => ({
  id: user.id,
  username: user.username,
  email: user.email,
  role: user.role,
  disabled: user.isDisabled,
  created_at: isoOf(user.createdAt),
})

export const loginView = ({ token, expiresAt, user }: Login): LoginView => ({
  token,
  token_type: 'bearer',
  expires_at: isoOf(expiresAt),
  user: userView(user),
})

export const tokenView = (token: TokenRecord): TokenView => ({
  id: token.id,
  user_id: token.userId,
  kind: token.kind,
  name: token.name,
  prefix: token.prefix,
  role: token.role,
  scopes: [...token.scopes],
  created_at: isoOf(token.createdAt),
  expires_at: isoOrNull(token.expiresAt),
  last_used_at: isoOrNull(token.lastUsedAt),
  revoked_at: isoOrNull(token.revokedAt),
})

export const callerView = ({ kind, user, role, scopes, token }: Caller): CallerView => ({
  kind,
  user: user === null ? null : userView(user),
  role,
  scopes: [...scopes],
  token: token === null ? null : tokenView(token),
})

export const auditView = ({ actor, ...entry }: AuditEntry): AuditEntryView => ({
  id: entry.id,
  at: isoOf(entry.at),
  actor: {
    kind: actor.kind,
    user_id: actor.userId,
    token_id: actor.tokenId,
    name: actor.name,
  },
  action: entry.action,
  outcome: entry.outcome,
  target: entry.target,
  address: entry.address,
  details: { ...entry.details },
})
