import type { Grant, NewAuditEntry, TokenKind, TokenRecord, UserRecord } from '@celeriac/core'
import { tokenScopes } from '@celeriac/core'

/** Who sent a request, and what that one may do: the least of what the user, the token and its scopes allow. */
export interface Caller extends Grant {
  /** `configured`: the admin token of the installation, which needs no user. */
  readonly kind: 'configured' | TokenKind
  readonly user: UserRecord | null
  readonly credentialVersion: number | null
  readonly token: TokenRecord | null
}

/** Where a request comes from, for the throttle and the audit log. */
export interface Origin {
  readonly address: string
}

export const configuredAdmin: Caller = {
  kind: 'configured',
  role: 'admin',
  scopes: tokenScopes,
  user: null,
  credentialVersion: null,
  token: null,
}

/** Whose tokens a caller sees and ends: those of the user, or those of nobody. */
export const ownerOf = ({ user }: Caller): string | null => user?.id ?? null

export const actorOf = (caller: Caller | null): NewAuditEntry['actor'] => ({
  kind: caller?.kind ?? 'anonymous',
  userId: caller?.user?.id ?? null,
  tokenId: caller?.token?.id ?? null,
  name: nameOf(caller),
})

/** The name of the user, else of the token. */
export const nameOf = (caller: Caller | null): string =>
  caller === null
    ? 'anonymous'
    : (caller.user?.username ?? (caller.kind === 'configured' ? 'admin token' : (caller.token?.name ?? '')))
