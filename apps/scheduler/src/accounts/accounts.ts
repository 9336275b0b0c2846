import {
  AppError,
  isAppError,
  tokenScopes,
  type AccountStore,
  type Clock,
  type JsonObject,
  type NewUser,
  type Page,
  type Role,
  type UserRecord,
  type UserSecret,
} from '@celeriac/core'
import { usernameSchema } from '@celeriac/contracts'
import type { Logger } from '@celeriac/runtime'
import { AuditTrail, type AuditFact } from './audit-trail.ts'
import { Authenticator } from './authenticator.ts'
import { ownerOf, type Caller, type Origin } from './caller.ts'
import { LoginThrottle } from './login-throttle.ts'
import type { AccountMetrics } from './metrics.ts'
import { PasswordHasher } from './password-hasher.ts'
import { TokenCache } from './token-cache.ts'
import { newToken } from './token-text.ts'
import { Tokens } from './tokens.ts'

export interface AccountsDeps {
  readonly store: AccountStore
  readonly clock: Clock
  readonly newId: () => string
  readonly logger: Logger
  /** The configured admin token. */
  readonly token: string
  /** Whether anybody may make an account. */
  readonly isRegistrationOpen: boolean
  /** Role of those who register themselves. Default: viewer. */
  readonly registeredRole?: Role
  /** For tests: a hasher that costs less. */
  readonly hasher?: PasswordHasher
  /** Left out: nothing is counted. */
  readonly metrics?: AccountMetrics
}

export interface Credentials {
  readonly username: string
  readonly password: string
}

export interface Login {
  /** The token; nobody can be told it again. */
  readonly token: string
  readonly expiresAt: number
  readonly user: UserRecord
}

export interface UserEdit {
  readonly email?: string | null | undefined
  readonly role?: Role | undefined
  readonly disabled?: boolean | undefined
  readonly password?: string | undefined
}

type Checked =
  ({ readonly isRight: true } & UserSecret) | { readonly isRight: false; readonly user: UserRecord | null }

/** A login ends after this time. */
export const sessionMs = 12 * 3_600_000

/** Users, their logins and tokens, and the audit log. Every interface of the platform stands on this one service. */
export class Accounts {
  readonly #deps: AccountsDeps
  readonly #hasher: PasswordHasher
  readonly #throttle: LoginThrottle
  readonly #cache: TokenCache
  readonly audit: AuditTrail
  readonly authenticator: Authenticator
  readonly tokens: Tokens

  constructor(deps: AccountsDeps) {
    this.#deps = deps
    this.#hasher = deps.hasher ?? new PasswordHasher()
    this.#throttle = new LoginThrottle(deps.clock)
    this.#cache = new TokenCache(deps.clock)
    this.audit = new AuditTrail(deps)
    this.authenticator = new Authenticator({ ...deps, cache: this.#cache })
    this.tokens = new Tokens({ ...deps, cache: this.#cache, audit: this.audit })
  }

  /** Throws AUTH_FORBIDDEN where registration is closed, AUTH_THROTTLED, CONFLICT_USER_EXISTS. */
  async register(
    given: Credentials & { readonly email: string | null },
    origin: Origin,
  ): Promise<UserRecord> {
    if (!this.#deps.isRegistrationOpen)
      throw new AppError('AUTH_FORBIDDEN', 'registration is closed; ask an admin for an account')
    // Each costs a hash, and tells whether a name is taken: an address makes a few, then slowly more.
    this.#throttle.begin(null, origin.address)
    const user = await this.#newUser({ ...given, role: this.#deps.registeredRole ?? 'viewer' })
    await this.#record({ caller: null, ...origin, action: 'auth.register', target: user.username })
    return user
  }

  /**
   * Throws AUTH_CREDENTIALS, the same and after the same time for an unknown name, a wrong password and a disabled user;
   * AUTH_THROTTLED.
   */
  async login({ username, password }: Credentials, origin: Origin): Promise<Login> {
    const found = await this.#check({ username, password }, origin)
    if (!found.isRight) return this.#refuse(found.user, origin)
    const { user, credentialVersion, passwordHash } = found
    if (this.#hasher.isOutdated(passwordHash)) await this.#rehash(user.id, passwordHash, password)
    const login = await this.#newSession(user, credentialVersion)
    if (login === null) return this.#refuse(user, origin)
    this.#succeeded(username, origin)
    await this.#record({ caller: null, ...origin, action: 'auth.login', target: user.username })
    return login
  }

  /**
   * Changes the password of the caller; gives how many other logins that has ended. The login of the caller and API tokens
   * stay. Throws AUTH_CREDENTIALS when `current` is not the password, and what `login` throws for too many tries: who has
   * found an open window could guess here else. AUTH_FORBIDDEN unless the caller has logged in.
   */
  async changePassword(
    given: { readonly current: string; readonly next: string },
    caller: Caller,
    origin: Origin,
  ): Promise<number> {
    const { kind, user, token } = caller
    if (kind !== 'session' || user === null || token === null)
      throw new AppError('AUTH_FORBIDDEN', 'only a login changes a password; log in with the current one')
    const { username } = user
    const found = await this.#check({ username, password: given.current }, origin)
    const fact = { caller, ...origin, action: 'auth.password', target: username } as const
    if (!found.isRight) {
      this.#deps.metrics?.logins.inc({ outcome: 'failed' })
      await this.#record({ ...fact, outcome: 'failed' })
      throw new AppError('AUTH_CREDENTIALS', 'the current password is another one')
    }
    this.#succeeded(username, origin)
    const ended = await this.#deps.store.changePassword({
      id: user.id,
      credentialVersion: found.credentialVersion,
      passwordHash: await this.#hasher.hash(given.next),
      keptTokenId: token.id,
    })
    this.#cache.clear()
    // Disabled, or another password, while this request was under way.
    if (ended === null) throw new AppError('AUTH_TOKEN_INVALID', 'the bearer token is not valid any more')
    await this.#record({ ...fact, details: { ended } })
    return ended
  }

  /** Registers somebody and logs in at once. Throws what `register` throws. */
  async registerAndLogin(
    given: Credentials & { readonly email: string | null },
    origin: Origin,
  ): Promise<Login> {
    const { id } = await this.register(given, origin)
    const made = await this.#deps.store.findUser(id)
    const login = made === null ? null : await this.#newSession(made.user, made.credentialVersion)
    return login ?? this.#refuse(made?.user ?? null, origin)
  }

  /** Another login of the same user. Throws AUTH_FORBIDDEN unless the caller has logged in: API tokens make no tokens. */
  async loginAgain(caller: Caller, origin: Origin): Promise<Login> {
    const { kind, user, credentialVersion } = caller
    if (kind !== 'session' || user === null || credentialVersion === null)
      throw new AppError('AUTH_FORBIDDEN', 'only a login gives another one; log in with a password')
    const login = await this.#newSession(user, credentialVersion)
    // Disabled, or another password, while this request was under way.
    if (login === null) throw new AppError('AUTH_TOKEN_INVALID', 'the bearer token is not valid any more')
    await this.#record({ caller, ...origin, action: 'auth.login', target: user.username })
    return login
  }

  /** Ends the token of the caller; gives how many that were. The configured token is ended by the configuration alone. */
  async logout(caller: Caller, origin: Origin): Promise<number> {
    if (caller.token === null) return 0
    await this.#deps.store.revokeToken({ id: caller.token.id, ownedBy: ownerOf(caller) })
    this.#cache.clear()
    await this.#record({ caller, ...origin, action: 'auth.logout', target: caller.user?.username ?? null })
    return 1
  }

  /** Ends all logins of the caller's user; API tokens stay. */
  async logoutAll(caller: Caller, origin: Origin): Promise<number> {
    if (caller.user === null) return 0
    const ended = await this.#deps.store.revokeSessions(caller.user.id)
    this.#cache.clear()
    const { username } = caller.user
    await this.#record({
      caller,
      ...origin,
      action: 'auth.logout_all',
      target: username,
      details: { ended },
    })
    return ended
  }

  listUsers(page: { readonly limit: number; readonly cursor?: string }): Promise<Page<UserRecord>> {
    return this.#deps.store.listUsers(page)
  }

  /** Throws CONFLICT_USER_EXISTS. */
  async createUser(
    given: Credentials & { readonly email: string | null; readonly role: Role },
    caller: Caller,
    origin: Origin,
  ): Promise<UserRecord> {
    const user = await this.#newUser(given)
    const details = { role: user.role }
    await this.#record({ caller, ...origin, action: 'user.create', target: user.username, details })
    return user
  }

  /** Throws NOT_FOUND_USER. */
  async updateUser(idOrName: string, edit: UserEdit, caller: Caller, origin: Origin): Promise<UserRecord> {
    const known = await this.#deps.store.findUser(idOrName)
    if (known === null) throw userNotFound(idOrName)
    const { email, role, disabled, password } = edit
    const user = await this.#deps.store.updateUser({
      id: known.user.id,
      ...(email === undefined ? {} : { email }),
      ...(role === undefined ? {} : { role }),
      ...(disabled === undefined ? {} : { isDisabled: disabled }),
      ...(password === undefined ? {} : { passwordHash: await this.#hasher.hash(password) }),
    })
    this.#cache.clear()
    if (user === null) throw userNotFound(idOrName)
    const details: JsonObject = {
      ...(email === undefined ? {} : { email: 'changed' }),
      ...(role === undefined ? {} : { role_before: known.user.role, role }),
      ...(disabled === undefined ? {} : { disabled }),
      ...(password === undefined ? {} : { password: 'changed' }),
    }
    await this.#record({ caller, ...origin, action: 'user.update', target: user.username, details })
    return user
  }

  /** Null: the user was disabled, or has another password, since the credentials were looked at. */
  async #newSession(user: UserRecord, credentialVersion: number): Promise<Login | null> {
    const { text, digest, prefix } = newToken('session')
    const token = await this.#deps.store.createToken({
      id: this.#deps.newId(),
      owner: { userId: user.id, credentialVersion },
      kind: 'session',
      name: 'login',
      prefix,
      digest,
      // The role of the user is what counts, as it is at each request.
      role: 'admin',
      scopes: tokenScopes,
      lifetimeMs: sessionMs,
    })
    if (token === null || token.expiresAt === null) return null
    return { token: text, expiresAt: token.expiresAt, user }
  }

  /** Takes as long for an unknown name as for a known one. Counts as a failed try until `#succeeded` is told. */
  async #check({ username, password }: Credentials, origin: Origin): Promise<Checked> {
    try {
      this.#throttle.begin(username, origin.address)
    } catch (error) {
      this.#deps.metrics?.logins.inc({ outcome: 'throttled' })
      throw error
    }
    try {
      // Ids find users too, and the database knows other capitals than JavaScript: each would be one more name to guess at,
      // with failures of its own.
      const secret = isUsername(username) ? await this.#deps.store.findUser(username) : null
      const isRight = await this.#hasher.verify(password, secret?.passwordHash ?? null)
      if (secret === null || !isRight || secret.user.isDisabled)
        return { isRight: false, user: secret?.user ?? null }
      return { isRight: true, ...secret }
    } catch (error) {
      // Nothing was found out about the password: that is no failed try.
      this.#throttle.abandoned(username, origin.address)
      if (isAppError(error) && error.code === 'AUTH_THROTTLED')
        this.#deps.metrics?.logins.inc({ outcome: 'throttled' })
      throw error
    }
  }

  #succeeded(username: string, { address }: Origin): void {
    this.#throttle.succeeded(username, address)
    this.#deps.metrics?.logins.inc({ outcome: 'succeeded' })
  }

  async #newUser({
    password,
    ...user
  }: Omit<NewUser, 'id' | 'passwordHash'> & Credentials): Promise<UserRecord> {
    const { store, newId } = this.#deps
    return store.createUser({
      id: newId(),
      username: user.username,
      email: user.email,
      role: user.role,
      passwordHash: await this.#hasher.hash(password),
    })
  }

  /** An unknown name is not recorded: people type their password there. */
  async #refuse(known: UserRecord | null, origin: Origin): Promise<never> {
    const target = known?.username ?? null
    this.#deps.metrics?.logins.inc({ outcome: 'failed' })
    await this.#record({ caller: null, ...origin, action: 'auth.login', outcome: 'failed', target })
    throw new AppError('AUTH_CREDENTIALS', 'the name and the password do not fit each other')
  }

  /** The login goes on whatever becomes of it. */
  async #rehash(id: string, from: string, password: string): Promise<void> {
    try {
      await this.#deps.store.rehashPassword({ id, from, to: await this.#hasher.hash(password) })
    } catch (err) {
      this.#deps.logger.warn({ err }, 'a password could not be stored under its new hash')
    }
  }

  #record(fact: AuditFact): Promise<void> {
    return this.audit.record(fact)
  }
}

const isUsername = (text: string): boolean => usernameSchema.safeParse(text).success

const userNotFound = (idOrName: string): AppError =>
  new AppError('NOT_FOUND_USER', 'there is no such user', { details: { user: idOrName } })
