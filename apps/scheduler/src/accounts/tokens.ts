import {
  AppError,
  isWithin,
  mayUse,
  type AccountStore,
  type Page,
  type Role,
  type TokenRecord,
  type TokenScope,
} from '@celeriac/core'
import type { AuditTrail } from './audit-trail.ts'
import { ownerOf, type Caller, type Origin } from './caller.ts'
import type { TokenCache } from './token-cache.ts'
import { newToken } from './token-text.ts'

export interface TokenWish {
  readonly name: string
  readonly role?: Role | undefined
  readonly scopes?: readonly TokenScope[] | undefined
  /** Null: it does not expire. */
  readonly lifetimeMs: number | null
}

export interface TokensDeps {
  readonly store: Pick<AccountStore, 'createToken' | 'listTokens' | 'revokeToken'>
  readonly newId: () => string
  readonly cache: TokenCache
  readonly audit: AuditTrail
}

const defaultScopes: readonly TokenScope[] = ['read', 'run']

/** API tokens: made by people for their programs. */
export class Tokens {
  readonly #deps: TokensDeps

  constructor(deps: TokensDeps) {
    this.#deps = deps
  }

  /**
   * Throws AUTH_FORBIDDEN when it would allow more than the caller may; and for API tokens, or one that was stolen could
   * outlive its revocation.
   */
  async create(
    wish: TokenWish,
    caller: Caller,
    origin: Origin,
  ): Promise<{ readonly secret: string; readonly token: TokenRecord }> {
    if (caller.kind === 'api')
      throw new AppError('AUTH_FORBIDDEN', 'an API token cannot make tokens; log in with a password')
    const role = wish.role ?? caller.role
    const scopes = [...new Set(wish.scopes ?? defaultScopes.filter((scope) => caller.scopes.includes(scope)))]
    if (!isWithin({ role, scopes }, caller))
      throw new AppError('AUTH_FORBIDDEN', 'a token may do no more than whoever makes it')
    const { text, digest, prefix } = newToken('api')
    const token = await this.#deps.store.createToken({
      id: this.#deps.newId(),
      owner:
        caller.user === null || caller.credentialVersion === null
          ? null
          : { userId: caller.user.id, credentialVersion: caller.credentialVersion },
      kind: 'api',
      name: wish.name,
      prefix,
      digest,
      role,
      scopes,
      lifetimeMs: wish.lifetimeMs,
    })
    // Disabled, or another password, while this request was under way.
    if (token === null) throw new AppError('AUTH_TOKEN_INVALID', 'the bearer token is not valid any more')
    const details = { name: token.name, role, scopes }
    await this.#deps.audit.record({ caller, ...origin, action: 'token.create', target: token.id, details })
    return { secret: text, token }
  }

  /** Those of the caller, or with `all` of everybody. Throws AUTH_FORBIDDEN. */
  async list(
    query: { readonly all: boolean; readonly limit: number; readonly cursor?: string },
    caller: Caller,
  ): Promise<Page<TokenRecord>> {
    const { all, ...page } = query
    requirePerson(caller)
    if (all && !mayAdminister(caller))
      throw new AppError('AUTH_FORBIDDEN', 'only admins see the tokens of everybody')
    return this.#deps.store.listTokens({ ...page, ownedBy: all ? 'anyone' : ownerOf(caller) })
  }

  /** Throws NOT_FOUND_TOKEN, also for tokens of others unless the caller is an admin. An API token may end itself. */
  async revoke(id: string, caller: Caller, origin: Origin): Promise<TokenRecord> {
    if (id !== caller.token?.id) requirePerson(caller)
    const ownedBy = mayAdminister(caller) ? 'anyone' : ownerOf(caller)
    const token = await this.#deps.store.revokeToken({ id, ownedBy })
    if (token === null) throw new AppError('NOT_FOUND_TOKEN', 'there is no such token', { details: { id } })
    this.#deps.cache.clear()
    const details = { name: token.name, kind: token.kind }
    await this.#deps.audit.record({ caller, ...origin, action: 'token.revoke', target: id, details })
    return token
  }
}

/** API tokens of one owner do not manage each other, unless they may administer. */
function requirePerson(caller: Caller): void {
  if (caller.kind === 'api' && !mayAdminister(caller))
    throw new AppError('AUTH_FORBIDDEN', 'an API token manages no tokens; log in with a password')
}

const mayAdminister = (caller: Caller): boolean => mayUse(caller, 'admin')
