import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { NewToken, NewUser, Page, UserRecord } from '@celeriac/core'
import type { StoreUnderTest } from './store-fixture.ts'

const aUser = (over: Partial<NewUser> = {}): NewUser => ({
  id: randomUUID(),
  username: `User-${randomUUID().slice(0, 12)}`,
  email: 'user@example.org',
  role: 'editor',
  passwordHash: 'scrypt$1',
  ...over,
})

const aToken = (user: UserRecord | null, over: Partial<NewToken> = {}): NewToken => ({
  id: randomUUID(),
  owner: user === null ? null : { userId: user.id, credentialVersion: 1 },
  kind: 'api',
  name: 'nightly',
  prefix: 'cel_a_123456',
  digest: randomUUID(),
  role: 'editor',
  scopes: ['read', 'run'],
  lifetimeMs: 3_600_000,
  ...over,
})

export function exerciseAccounts(use: () => StoreUnderTest): void {
  describe('users', () => {
    test('a user is found by id and by name, whatever the case; the name is taken then', async () => {
      const { store } = use()
      const given = aUser()
      const made = await store.createUser(given)
      const { passwordHash, ...rest } = given
      expect(made).toEqual({ ...rest, isDisabled: false, createdAt: expect.any(Number) })
      const secret = { user: made, passwordHash, credentialVersion: 1 }
      for (const key of [given.id, given.username, given.username.toUpperCase()])
        expect(await store.findUser(key)).toEqual(secret)
      const again = aUser({ username: given.username.toLowerCase() })
      await expect(store.createUser(again)).rejects.toMatchObject({ code: 'CONFLICT_USER_EXISTS' })
      expect(await store.findUser('nobody')).toBeNull()
      expect(await store.findUser(randomUUID())).toBeNull()
    })

    test('of the same name made by many at once there is one', async () => {
      const { store } = use()
      const username = `race-${randomUUID().slice(0, 12)}`
      const all = await Promise.allSettled(
        Array.from({ length: 5 }, () => store.createUser(aUser({ username }))),
      )
      expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    })

    test('a change touches what it names', async () => {
      const { store } = use()
      const made = await store.createUser(aUser())
      const changed = { ...made, role: 'admin' as const, email: null }
      expect(await store.updateUser({ id: made.id, role: 'admin', email: null })).toEqual(changed)
      expect(await store.updateUser({ id: made.id, isDisabled: true })).toEqual({
        ...changed,
        isDisabled: true,
      })
      expect(await store.updateUser({ id: randomUUID(), role: 'admin' })).toBeNull()
      expect(await store.updateUser({ id: 'no id', role: 'admin' })).toBeNull()
    })

    test('a new hash of the same password replaces only the one it was made from, and ends nothing', async () => {
      const { store } = use()
      const { id } = await store.createUser(aUser())
      await store.rehashPassword({ id, from: 'another', to: 'lost' })
      expect(await store.findUser(id)).toMatchObject({ passwordHash: 'scrypt$1' })
      await store.rehashPassword({ id, from: 'scrypt$1', to: 'scrypt$2' })
      expect(await store.findUser(id)).toMatchObject({ passwordHash: 'scrypt$2', credentialVersion: 1 })
    })

    test('a new password of the user`s own choice ends the other logins only, and only once', async () => {
      const { store } = use()
      const user = await store.createUser(aUser())
      const make = async (over: Partial<NewToken>): Promise<string> => {
        const token = aToken(user, over)
        await store.createToken(token)
        return token.id
      }
      const kept = await make({ kind: 'session', digest: `kept-${user.id}` })
      await make({ kind: 'session', digest: `other-${user.id}` })
      await make({ digest: `program-${user.id}` })
      const change = { id: user.id, credentialVersion: 1, passwordHash: 'scrypt$2', keptTokenId: kept }
      // Two at once, as of two windows.
      const ended = await Promise.all([1, 2].map(() => store.changePassword(change)))
      expect(new Set(ended)).toEqual(new Set([1, null]))
      expect(await store.findUser(user.id)).toMatchObject({ passwordHash: 'scrypt$2', credentialVersion: 2 })
      expect(await store.findToken(`kept-${user.id}`)).toMatchObject({ credentialVersion: 2 })
      expect(await store.findToken(`other-${user.id}`)).toBeNull()
      expect(await store.findToken(`program-${user.id}`)).not.toBeNull()
      await store.updateUser({ id: user.id, isDisabled: true })
      const { credentialVersion = 0 } = (await store.findUser(user.id)) ?? {}
      expect(await store.changePassword({ ...change, credentialVersion })).toBeNull()
    })

    test('users are listed by name, page by page', async () => {
      const { store } = use()
      const names = ['b', 'A', 'c'].map((name) => `page-${name}-${randomUUID().slice(0, 8)}`)
      for (const username of names) await store.createUser(aUser({ username }))
      const seen = await readAll((page) => store.listUsers(page))
      expect(seen.map(({ username }) => username).filter((name) => names.includes(name))).toEqual([
        names[1],
        names[0],
        names[2],
      ])
    })
  })

  describe('tokens', () => {
    test('a token is found by its digest, with its owner, until it is revoked', async () => {
      const { store } = use()
      const user = await store.createUser(aUser())
      const given = aToken(user)
      const token = await store.createToken(given)
      expect(token).toMatchObject({
        userId: user.id,
        scopes: ['read', 'run'],
        revokedAt: null,
        lastUsedAt: null,
      })
      expect(token?.expiresAt).toBe((token?.createdAt ?? 0) + 3_600_000)
      const found = await store.findToken(given.digest)
      expect(found).toMatchObject({ token, user, credentialVersion: 1, isTouchDue: true })
      expect(found?.remainingMs).toBeGreaterThan(0)
      await store.touchToken(given.id)
      expect(await store.findToken(given.digest)).toMatchObject({ isTouchDue: false })
      const revoked = await store.revokeToken({ id: given.id, ownedBy: user.id })
      expect(revoked?.revokedAt).toEqual(expect.any(Number))
      expect(await store.revokeToken({ id: given.id, ownedBy: 'anyone' })).toEqual(revoked)
      expect(await store.findToken(given.digest)).toBeNull()
    })

    test('a token that has expired is not found; one without an end is', async () => {
      const { store } = use()
      const [expired, endless] = [aToken(null, { lifetimeMs: -1 }), aToken(null, { lifetimeMs: null })]
      await store.createToken(expired)
      await store.createToken(endless)
      expect(await store.findToken(expired.digest)).toBeNull()
      expect(await store.findToken(endless.digest)).toMatchObject({ user: null, remainingMs: null })
    })

    test.each(['passwordHash', 'isDisabled'] as const)(
      '%s ends all tokens, and logins under way',
      async (key) => {
        const { store } = use()
        const user = await store.createUser(aUser())
        const [session, api] = [aToken(user, { kind: 'session' }), aToken(user)]
        for (const token of [session, api]) await store.createToken(token)
        await store.updateUser({
          id: user.id,
          ...(key === 'isDisabled' ? { isDisabled: true } : { passwordHash: 'x' }),
        })
        for (const { digest } of [session, api]) expect(await store.findToken(digest)).toBeNull()
        expect(await store.createToken(aToken(user))).toBeNull()
        await store.updateUser({ id: user.id, isDisabled: false })
        expect(await store.findToken(api.digest)).toBeNull()
      },
    )

    test('ending logins leaves API tokens', async () => {
      const { store } = use()
      const user = await store.createUser(aUser())
      const sessions = [aToken(user, { kind: 'session' }), aToken(user, { kind: 'session' })]
      const api = aToken(user)
      for (const token of [...sessions, api]) await store.createToken(token)
      expect(await store.revokeSessions(user.id)).toBe(2)
      expect(await store.revokeSessions(user.id)).toBe(0)
      expect(await store.findToken(api.digest)).not.toBeNull()
    })

    test('tokens are listed and revoked by owner: a user, nobody, or anyone; logins are not listed', async () => {
      const { store } = use()
      const [one, other] = [await store.createUser(aUser()), await store.createUser(aUser())]
      const made = [aToken(one), aToken(one), aToken(other), aToken(null)]
      for (const token of [...made, aToken(one, { kind: 'session' })]) await store.createToken(token)
      const idsOf = async (ownedBy: string | null): Promise<readonly string[]> =>
        (await readAll((page) => store.listTokens({ ...page, ownedBy }))).map(({ id }) => id)
      expect(new Set(await idsOf(one.id))).toEqual(new Set([made[0]?.id, made[1]?.id]))
      expect(await idsOf(null)).toContain(made[3]?.id)
      expect(await idsOf(null)).not.toContain(made[2]?.id)
      expect(await idsOf('anyone')).toEqual(expect.arrayContaining(made.map(({ id }) => id)))
      for (const ownedBy of [one.id, null])
        expect(await store.revokeToken({ id: made[2]?.id ?? '', ownedBy })).toBeNull()
      expect(await store.revokeToken({ id: 'no id', ownedBy: 'anyone' })).toBeNull()
    })

    test('what ended long ago is deleted, in batches', async () => {
      const { store, sql } = use()
      const [old, young] = [aToken(null), aToken(null, { lifetimeMs: -1 })]
      for (const token of [old, young]) await store.createToken(token)
      await sql(`update api_tokens set revoked_at = now() - interval '40 days' where id = '${old.id}'`)
      expect(await store.deleteOldTokens({ olderThanMs: 30 * 86_400_000, limit: 10 })).toBe(1)
      expect(await store.revokeToken({ id: old.id, ownedBy: null })).toBeNull()
      expect(await store.revokeToken({ id: young.id, ownedBy: null })).not.toBeNull()
    })
  })

  describe('the audit log', () => {
    test('is read newest first, as it was written, and cannot be rewritten', async () => {
      const { store, sql } = use()
      const entries = ['run.submit', 'run.cancel', 'auth.login'].map((action) => ({
        id: randomUUID(),
        actor: { kind: 'session' as const, userId: randomUUID(), tokenId: null, name: '安' },
        action,
        outcome: 'ok' as const,
        target: 'a\u0000b',
        address: '192.0.2.1',
        details: { role: 'viewer' },
      }))
      for (const entry of entries) await store.appendAudit(entry)
      const read = await readAll((page) => store.listAudit(page))
      const own = read.filter(({ id }) => entries.some((entry) => entry.id === id))
      expect(own).toHaveLength(3)
      for (const entry of entries)
        expect(own).toContainEqual({ ...entry, target: 'a\ufffdb', at: expect.any(Number) })
      expect(read.map(({ at }) => at)).toEqual(read.map(({ at }) => at).toSorted((a, b) => b - a))
      await expect(sql(`update audit_log set actor_name = 'other'`)).rejects.toThrow(/never changed/)
    })
  })
}

type ReadPage<T> = (page: { limit: number; cursor?: string }) => Promise<Page<T>>

async function readAll<T>(read: ReadPage<T>): Promise<readonly T[]> {
  const seen: T[] = []
  let cursor: string | null = null
  do {
    const page: Page<T> = await read({
      limit: 2,
      ...(cursor === null ? {} : { cursor }),
    })
    seen.push(...page.items)
    cursor = page.cursor
  } while (cursor !== null)
  return seen
}
