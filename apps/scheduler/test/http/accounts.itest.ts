import { AppError, type Store } from '@celeriac/core'
import { createLogger, createMetrics, newId, systemClock } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Accounts } from '../../src/accounts/accounts.ts'
import { accountMetricTable } from '../../src/accounts/metrics.ts'
import { PasswordHasher } from '../../src/accounts/password-hasher.ts'
import { newToken } from '../../src/accounts/token-text.ts'
import { chainDocument, cheapHasher, startApi, token, type Harness } from './api-harness.ts'

const password = 'correct horse battery'
const logged: string[] = []
const logger = createLogger({
  service: 'test',
  level: 'debug',
  destination: { write: (line) => void logged.push(line) },
})
let api: Harness
beforeAll(async () => {
  api = await startApi({ logger })
})
afterAll(() => api.close())

const send = (method: string, path: string, body?: object, as: string | null = token) =>
  api.call(method, `/api/v1${path}`, {
    token: as,
    ...(body === undefined ? {} : { type: 'application/json', body: JSON.stringify(body) }),
  })

async function aUser(role = 'editor'): Promise<{ username: string; login: () => Promise<string> }> {
  const username = `u${newId().slice(-12)}`
  expect((await send('POST', '/users', { username, password, role })).status).toBe(201)
  const login = async () => (await send('POST', '/auth/login', { username, password }, null)).body.token
  return { username, login }
}

/** Another scheduler on the same database. */
const another = (over: Partial<ConstructorParameters<typeof Accounts>[0]> = {}): Accounts =>
  new Accounts({
    store: api.store,
    clock: systemClock,
    newId,
    logger,
    token,
    isRegistrationOpen: false,
    hasher: cheapHasher(),
    ...over,
  })
const bearer = (text: string): string => `Bearer ${text}`

test('a login gives a token that says whose it is, until it is logged out', async () => {
  const { username, login } = await aUser()
  const [one, other] = [await login(), await login()]
  const me = await send('GET', '/auth/me', undefined, one)
  expect(me.body).toMatchObject({ kind: 'session', role: 'editor', user: { username } })
  expect((await send('POST', '/auth/logout', undefined, one)).body).toEqual({ revoked: 1 })
  expect((await send('GET', '/auth/me', undefined, one)).body.code).toBe('AUTH_TOKEN_INVALID')
  expect((await send('GET', '/auth/me', undefined, other)).status).toBe(200)
  expect((await send('POST', '/auth/logout-all', undefined, other)).body).toEqual({ revoked: 1 })
  expect((await send('GET', '/auth/me', undefined, other)).status).toBe(401)
})

test('an unknown name, a wrong password and a disabled user are answered alike', async () => {
  const [known, disabled] = [await aUser(), await aUser()]
  await send('PATCH', `/users/${disabled.username}`, { disabled: true })
  const answers = []
  for (const body of [
    { username: 'nobody', password },
    { username: known.username, password: 'something else' },
    { username: disabled.username, password },
  ]) {
    const { status, body: problem } = await send('POST', '/auth/login', body, null)
    answers.push({ status, ...problem, instance: '' })
  }
  expect(answers[0]).toMatchObject({ status: 401, code: 'AUTH_CREDENTIALS' })
  expect(answers[1]).toEqual(answers[0])
  expect(answers[2]).toEqual(answers[0])
})

test('a user logs in by name alone: other spellings would have failures of their own', async () => {
  const { username } = await aUser()
  const { user } = (await api.store.findUser(username))!
  const dotted = (await send('POST', '/users', { username: `i${username}`, password })).body.username
  for (const other of [user.id, `${username} `, `\u0130${dotted.slice(1)}`, `${username}\u0000`, '']) {
    const { status, body } = await send('POST', '/auth/login', { username: other, password }, null)
    expect([other, status, body.code]).toEqual([other, 401, 'AUTH_CREDENTIALS'])
  }
})

test('a user changes the own password: other logins end, this one and API tokens stay', async () => {
  const { username, login } = await aUser('viewer')
  const [one, other] = [await login(), await login()]
  const { secret } = (await send('POST', '/tokens', { name: 'ci', scopes: ['read'] }, one)).body
  const change = (current: string, next: string, as: string | null = one) =>
    send('POST', '/auth/password', { current, new: next }, as)
  for (const as of [secret, token]) expect((await change(password, 'another password', as)).status).toBe(403)
  expect((await change('not the password', 'another password')).body.code).toBe('AUTH_CREDENTIALS')
  expect((await change(password, 'another password')).body).toEqual({ revoked: 1 })
  expect((await send('GET', '/auth/me', undefined, one)).status).toBe(200)
  expect((await send('GET', '/auth/me', undefined, secret)).status).toBe(200)
  expect((await send('GET', '/auth/me', undefined, other)).status).toBe(401)
  expect((await send('POST', '/auth/login', { username, password }, null)).status).toBe(401)
  const again = { username, password: 'another password' }
  expect((await send('POST', '/auth/login', again, null)).status).toBe(200)
  // The login that was kept is as good as a new one.
  expect((await send('POST', '/tokens', { name: 'cd' }, one)).status).toBe(201)
  const { items } = (await send('GET', '/audit?limit=20')).body
  const told = items.filter(({ action }: { action: string }) => action === 'auth.password')
  expect(told.slice(0, 2)).toMatchObject([
    { outcome: 'ok', target: username, details: { ended: 1 } },
    { outcome: 'failed', target: username, actor: { name: username } },
  ])
})

test('who guesses at a password from an open window is slowed down like one who logs in', async () => {
  const clock = new FakeClock()
  const metrics = createMetrics({ processMetrics: false })
  const accounts = another({ clock, metrics: metrics.register(accountMetricTable) })
  const { username, login } = await aUser()
  const origin = { address: '192.0.2.5' }
  const caller = await accounts.authenticator.callerOf(bearer(await login()))
  const guess = () => accounts.changePassword({ current: 'wrong', next: 'another password' }, caller, origin)
  for (let count = 0; count < 5; count++)
    await expect(guess()).rejects.toMatchObject({ code: 'AUTH_CREDENTIALS' })
  await expect(guess()).rejects.toMatchObject({ code: 'AUTH_THROTTLED' })
  await expect(accounts.login({ username, password }, origin)).rejects.toMatchObject({
    code: 'AUTH_THROTTLED',
  })
  clock.advance(1_000)
  await accounts.login({ username, password }, origin)
  for (const given of [undefined, 'Bearer nonsense', `Bearer ${newToken('api').text}`])
    await expect(accounts.authenticator.callerOf(given)).rejects.toMatchObject({ status: 401 })
  const told = (await metrics.expose()).split('\n').filter((line) => /^celeriac_(logins|tokens)/.test(line))
  expect(told).toEqual([
    'celeriac_logins_total{outcome="succeeded"} 1',
    'celeriac_logins_total{outcome="failed"} 5',
    'celeriac_logins_total{outcome="throttled"} 2',
    'celeriac_tokens_refused_total{reason="missing"} 1',
    'celeriac_tokens_refused_total{reason="invalid"} 2',
  ])
})

test('a password that was changed elsewhere in between is not changed again', async () => {
  const { username, login } = await aUser()
  const session = await login()
  const slow = another({
    store: {
      ...api.store,
      changePassword: async (change) => {
        await send('PATCH', `/users/${username}`, { password: 'set by an admin' })
        return api.store.changePassword(change)
      },
    } as Store,
  })
  const caller = await slow.authenticator.callerOf(bearer(session))
  const changed = slow.changePassword({ current: password, next: 'another password' }, caller, {
    address: '::1',
  })
  await expect(changed).rejects.toMatchObject({ code: 'AUTH_TOKEN_INVALID' })
  const given = { username, password: 'set by an admin' }
  expect((await send('POST', '/auth/login', given, null)).status).toBe(200)
})

test('an unknown name costs a hash as a known one does', async () => {
  const checked: (string | null)[] = []
  class Recorded extends PasswordHasher {
    override verify(given: string, stored: string | null): Promise<boolean> {
      checked.push(stored)
      return super.verify(given, stored)
    }
  }
  const accounts = another({ hasher: new Recorded({ log2N: 7, r: 8, p: 1 }) })
  const login = accounts.login({ username: 'nobody', password }, { address: '192.0.2.1' })
  await expect(login).rejects.toMatchObject({ code: 'AUTH_CREDENTIALS' })
  expect(checked).toEqual([null])
})

test('too many wrong passwords are throttled with a time to wait; other users and addresses are not', async () => {
  const clock = new FakeClock()
  const accounts = another({ clock })
  const [victim, other] = [await aUser(), await aUser()]
  const wrong = { username: victim.username, password: 'wrong' }
  for (let count = 0; count < 5; count++)
    await expect(accounts.login(wrong, { address: '192.0.2.1' })).rejects.toMatchObject({
      code: 'AUTH_CREDENTIALS',
    })
  await expect(accounts.login(wrong, { address: '192.0.2.1' })).rejects.toMatchObject({
    code: 'AUTH_THROTTLED',
    details: { retry_after_s: 1 },
  })
  await accounts.login({ username: other.username, password }, { address: '192.0.2.1' })
  clock.advance(1_000)
  await accounts.login({ username: victim.username, password }, { address: '192.0.2.1' })
  const stopped = await startApi({ store: api.store, accounts })
  for (let count = 0; count < 6; count++)
    await accounts.login(wrong, { address: '192.0.2.9' }).catch(() => null)
  const answer = await stopped.call('POST', '/api/v1/auth/login', {
    token: null,
    type: 'application/json',
    body: JSON.stringify(wrong),
  })
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '1'])
  await stopped.close()
})

test('10,000 wrong logins check few passwords, write little, and leave nothing behind', async () => {
  let asked = 0
  const store = { ...api.store, findUser: async () => (asked++, null) } as Store
  const accounts = another({ store })
  const codes = new Map<string, number>()
  for (let count = 0; count < 10_000; count++)
    await accounts
      .login({ username: `guess-${count}`, password: `${count}` }, { address: '192.0.2.66' })
      .catch(({ code }: AppError) => codes.set(code, (codes.get(code) ?? 0) + 1))
  expect(asked).toBeLessThan(40)
  expect(codes.get('AUTH_CREDENTIALS')).toBe(asked)
  expect(codes.get('AUTH_THROTTLED')).toBe(10_000 - asked)
})

test('what ends tokens here is known here at once, and elsewhere within five seconds', async () => {
  const clock = new FakeClock()
  const elsewhere = another({ clock }).authenticator
  const { username, login } = await aUser()
  const session = await login()
  await elsewhere.callerOf(bearer(session))
  await send('PATCH', `/users/${username}`, { password: 'another password' })
  expect((await send('GET', '/auth/me', undefined, session)).status).toBe(401)
  expect((await elsewhere.callerOf(bearer(session))).user?.username).toBe(username)
  clock.advance(5_001)
  await expect(elsewhere.callerOf(bearer(session))).rejects.toMatchObject({ code: 'AUTH_TOKEN_INVALID' })
})

test('without the database the configured token passes, and nobody else', async () => {
  const down = (): never => {
    throw new AppError('STORE_UNAVAILABLE', 'the database cannot be reached')
  }
  const { login } = await aUser('admin')
  const { authenticator } = another({ store: { ...api.store, findToken: down } as Store })
  expect(await authenticator.callerOf(bearer(token))).toMatchObject({ kind: 'configured', role: 'admin' })
  const refused = authenticator.callerOf(bearer(await login()))
  await expect(refused).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  await expect(authenticator.callerOf(bearer('guess'))).rejects.toMatchObject({ code: 'AUTH_TOKEN_INVALID' })
})

test('a token does no more than its maker, and makes and manages no tokens', async () => {
  const { login } = await aUser('editor')
  const session = await login()
  const create = (body: object, as: string) => send('POST', '/tokens', { name: 'ci', ...body }, as)
  for (const body of [{ role: 'admin' }, { role: 'admin', scopes: ['read'] }])
    expect((await create(body, session)).body.code).toBe('AUTH_FORBIDDEN')
  const { secret, token: made } = (await create({ scopes: ['read'] }, session)).body
  expect(made).toMatchObject({ role: 'editor', scopes: ['read'], prefix: secret.slice(0, 12) })
  expect((await send('GET', '/runs', undefined, secret)).status).toBe(200)
  for (const [method, path] of [
    ['POST', '/tokens'],
    ['GET', '/tokens'],
    ['DELETE', `/tokens/${newId()}`],
  ] as const)
    expect((await send(method, path, method === 'POST' ? { name: 'x' } : undefined, secret)).status).toBe(403)
  const stranger = await (await aUser('editor')).login()
  expect((await send('DELETE', `/tokens/${made.id}`, undefined, stranger)).body.code).toBe('NOT_FOUND_TOKEN')
  expect((await send('DELETE', `/tokens/${made.id}`, undefined, secret)).status).toBe(200)
  expect((await send('GET', '/runs', undefined, secret)).status).toBe(401)
})

test('a role that is taken away is taken from tokens too', async () => {
  const { username, login } = await aUser('editor')
  const session = await login()
  const { secret } = (await send('POST', '/tokens', { name: 'ci' }, session)).body
  await send('PATCH', `/users/${username}`, { role: 'viewer' })
  for (const given of [session, secret])
    expect((await send('POST', '/runs', {}, given)).body.code).toBe('AUTH_FORBIDDEN')
})

test('registration is closed unless it is opened, and then makes viewers', async () => {
  const given = { username: 'walk-in', password, email: null }
  const closed = another().register(given, { address: '192.0.2.1' })
  await expect(closed).rejects.toMatchObject({ code: 'AUTH_FORBIDDEN' })
  expect((await send('POST', '/auth/register', { username: 'walk-in', password }, null)).body.role).toBe(
    'viewer',
  )
  const asEditors = another({ isRegistrationOpen: true, registeredRole: 'editor' })
  expect(await asEditors.register({ ...given, username: 'walk-on' }, { address: '192.0.2.1' })).toMatchObject(
    {
      role: 'editor',
    },
  )
})

test('a login gives another one, but not to programs, and not once the user is disabled', async () => {
  const { username, login } = await aUser()
  const accounts = another()
  const origin = { address: '192.0.2.1' }
  const caller = await accounts.authenticator.callerOf(bearer(await login()))
  const renewed = await accounts.loginAgain(caller, origin)
  const again = await accounts.authenticator.callerOf(`Token ${renewed.token}`)
  expect(again).toMatchObject({ kind: 'session', user: { username } })
  const { secret } = await accounts.tokens.create({ name: 'program', lifetimeMs: null }, caller, origin)
  for (const other of [secret, token])
    await expect(
      accounts.loginAgain(await accounts.authenticator.callerOf(bearer(other)), origin),
    ).rejects.toMatchObject({ code: 'AUTH_FORBIDDEN' })
  await send('PATCH', `/users/${username}`, { disabled: true })
  await expect(accounts.loginAgain(again, origin)).rejects.toMatchObject({ code: 'AUTH_TOKEN_INVALID' })
})

test('a hash of an earlier cost is made anew at the next login, which ends nothing', async () => {
  const { username, login } = await aUser()
  const session = await login()
  const stronger = another({ hasher: new PasswordHasher({ log2N: 8, r: 8, p: 1 }) })
  await stronger.login({ username, password }, { address: '192.0.2.1' })
  expect((await api.store.findUser(username))?.passwordHash).toMatch(/^scrypt\$8\$/)
  expect((await send('GET', '/auth/me', undefined, session)).status).toBe(200)
})

test('the audit log tells who did what, and neither it nor the log nor an error tells a secret', async () => {
  const { username, login } = await aUser()
  const session = await login()
  const secrets = [password, session, 'a mistyped password', 'half a pass']
  await send('POST', '/auth/login', { username, password: 'a mistyped password' }, null)
  await send('POST', '/auth/login', { username: 'a mistyped password', password: 'x' }, null)
  const run = await api.call('POST', '/api/v1/runs', {
    token: session,
    type: 'application/yaml',
    body: chainDocument(['a']),
  })
  await send('POST', `/runs/${run.body.id}/cancel`, undefined, session)
  const broken = await api.call('POST', '/api/v1/auth/login', {
    token: null,
    type: 'application/json',
    body: '{"password":"half a pass',
  })
  expect(broken.status).toBe(400)
  const { items } = (await send('GET', '/audit?limit=5')).body
  expect(
    items.map((item: Record<string, unknown>) => [item['action'], item['outcome'], item['target']]),
  ).toEqual([
    ['run.cancel', 'ok', run.body.id],
    ['run.submit', 'ok', run.body.id],
    ['auth.login', 'failed', null],
    ['auth.login', 'failed', username],
    ['auth.login', 'ok', username],
  ])
  expect(items[0]).toMatchObject({ actor: { kind: 'session', name: username }, address: '127.0.0.1' })
  const all =
    JSON.stringify((await send('GET', '/audit?limit=200')).body) +
    logged.join('') +
    JSON.stringify(broken.body)
  for (const secret of secrets) expect(all).not.toContain(secret)
})

test('a change whose record cannot be written is done all the same, and the log of the process tells', async () => {
  const fails = async (): Promise<never> => {
    throw new AppError('STORE_UNAVAILABLE', 'the database cannot be reached')
  }
  const { login } = await aUser()
  const accounts = another({ store: { ...api.store, appendAudit: fails } as Store })
  const caller = await accounts.authenticator.callerOf(bearer(await login()))
  expect(await accounts.logout(caller, { address: '192.0.2.1' })).toBe(1)
  expect(logged.some((line) => line.includes('an entry of the audit log was lost'))).toBe(true)
})

test('behind a proxy of ours the address is the one that the proxy wrote; else nobody is believed', async () => {
  const { username } = await aUser()
  const proxied = await startApi({ store: api.store, isBehindProxy: true })
  const login = (harness: Harness, forwarded: string) =>
    harness.call('POST', '/api/v1/auth/login', {
      token: null,
      type: 'application/json',
      headers: { 'x-forwarded-for': forwarded },
      body: JSON.stringify({ username, password }),
    })
  const seen: string[] = []
  for (const [harness, forwarded] of [
    [proxied, '10.9.9.9, 192.0.2.77'],
    [proxied, 'nonsense'],
    [api, '192.0.2.77'],
  ] as const) {
    expect((await login(harness, forwarded)).status).toBe(200)
    seen.push((await send('GET', '/audit?limit=1')).body.items[0].address)
  }
  expect(seen).toEqual(['192.0.2.77', '127.0.0.1', '127.0.0.1'])
  await proxied.close()
})
