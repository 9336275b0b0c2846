import { hash, timingSafeEqual } from 'node:crypto'
import { AppError, lowerRole, type AccountStore, type UsableToken } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { configuredAdmin, type Caller } from './caller.ts'
import type { AccountMetrics } from './metrics.ts'
import type { TokenCache } from './token-cache.ts'
import { isTokenText } from './token-text.ts'

export interface AuthenticatorDeps {
  readonly store: Pick<AccountStore, 'findToken' | 'touchToken'>
  readonly cache: TokenCache
  readonly logger: Logger
  /** The configured admin token; only its digest is kept. */
  readonly token: string
  readonly metrics?: AccountMetrics
}

/** As `digestOf`, in bytes; in one call, since every request passes here. */
const sha256 = (text: string): Buffer => hash('sha256', text, 'buffer')

/**
 * Finds out who sends a request. The configured admin token is looked at first and needs no database: an outage locks
 * nobody out who has it, and lets nobody else in but for the few seconds that tokens are believed.
 */
export class Authenticator {
  readonly #deps: Omit<AuthenticatorDeps, 'token'>
  readonly #configured: Buffer

  constructor({ token, ...deps }: AuthenticatorDeps) {
    this.#deps = deps
    this.#configured = sha256(token)
  }

  /**
   * Throws AUTH_TOKEN_MISSING, AUTH_TOKEN_INVALID. `Token` is what the articles' clients say for `Bearer`. Digests are
   * compared, so answers do not tell how near a guess was.
   */
  async callerOf(authorization: string | undefined): Promise<Caller> {
    const given = tokenIn(authorization)
    if (given === undefined) throw this.#refusal('missing')
    const digest = sha256(given)
    if (this.#isConfigured(digest)) return configuredAdmin
    const caller = isTokenText(given) ? await this.#find(digest.toString('hex')) : null
    if (caller === null) throw this.#refusal('invalid')
    return caller
  }

  /** Who that is, as far as it is known without the database; null says nothing: `callerOf` knows. */
  knownCaller(authorization: string | undefined): Caller | null {
    const given = tokenIn(authorization)
    if (given === undefined) return null
    const digest = sha256(given)
    if (this.#isConfigured(digest)) return configuredAdmin
    return isTokenText(given) ? this.#deps.cache.find(digest.toString('hex')) : null
  }

  #isConfigured(digest: Buffer): boolean {
    return timingSafeEqual(digest, this.#configured)
  }

  #refusal(reason: 'missing' | 'invalid'): AppError {
    this.#deps.metrics?.refusedTokens.inc({ reason })
    return reason === 'missing'
      ? new AppError('AUTH_TOKEN_MISSING', 'a bearer token is needed')
      : new AppError('AUTH_TOKEN_INVALID', 'the bearer token is not known')
  }

  async #find(digest: string): Promise<Caller | null> {
    const { cache, store } = this.#deps
    const known = cache.find(digest)
    if (known !== null) return known
    const { generation } = cache
    const usable = await store.findToken(digest)
    if (usable === null) return null
    const caller = callerOfToken(usable)
    cache.keep(digest, caller, usable.remainingMs, generation)
    if (usable.isTouchDue) this.#touch(usable.token.id)
    return caller
  }

  /** Nobody waits for it, and it may fail. */
  #touch(id: string): void {
    const { store, logger } = this.#deps
    store
      .touchToken(id)
      .catch((err: unknown) => logger.debug({ err }, 'the last use of a token was not noted'))
  }
}

const tokenIn = (authorization = ''): string | undefined =>
  /^(?:Bearer|Token) +(\S+)$/i.exec(authorization)?.[1]

const callerOfToken = ({ token, user, credentialVersion }: UsableToken): Caller => ({
  kind: token.kind,
  user,
  credentialVersion,
  token,
  role: user === null ? token.role : lowerRole(user.role, token.role),
  scopes: token.scopes,
})
