import { createHash } from 'node:crypto'
import type { AccountStore, NewToken, Store } from '@celeriac/core'
import { encodeCursor } from '../../src/cursor.ts'

type RunSql = (text: string) => Promise<unknown>

const md5Uuid = (text: string): string =>
  createHash('md5')
    .update(text)
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')

/** 10,000 users; 100,000 tokens, of which 1,000 are of nobody and most are logins that have ended; 100,000 entries of the log. */
export async function fillAccounts(sql: RunSql): Promise<void> {
  await sql(`
    insert into users (id, username, email, password_hash, role, is_disabled, credential_version, created_at)
    select md5('user' || n)::uuid, 'user-' || n, null, 'x', 'editor', n % 10 = 0, 1, now() from generate_series(1, 10000) n`)
  await sql(`
    insert into api_tokens (id, user_id, kind, name, prefix, digest, role, scopes, created_at, expires_at, revoked_at)
    select md5('token' || n)::uuid, case when n % 100 > 0 then md5('user' || n % 10000 + 1)::uuid end,
      case when n % 10 = 0 then 'api' else 'session' end, 'n', 'p', 'digest-' || n, 'editor', '{read,run}',
      now() - n * interval '1 minute', now() + (5000 - n) * interval '1 minute',
      case when n % 7 = 0 then now() - n * interval '1 minute' end
    from generate_series(1, 100000) n`)
  await sql(`
    insert into audit_log (id, at, actor_kind, actor_name, action, outcome, details)
    select md5('entry' || n)::uuid, now() - n * interval '1 minute', 'session', 'user-1', 'run.submit', 'ok', '{}'
    from generate_series(1, 100000) n`)
  await sql('analyze users, api_tokens, audit_log')
}

interface Case {
  readonly what: string
  readonly run: (store: Store) => Promise<unknown>
  readonly index?: string
  readonly sorts?: string
  readonly pages?: number
}

const limit = 50
const user = md5Uuid('user7')
const inTheMiddle = Date.now() - 30 * 86_400_000

const aToken: NewToken = {
  id: md5Uuid('new'),
  owner: { userId: user, credentialVersion: 1 },
  kind: 'api',
  name: 'n',
  prefix: 'p',
  digest: 'new',
  role: 'viewer',
  scopes: ['read'],
  lifetimeMs: 1,
}

/** Every operation on users, tokens and the audit log. */
export const accountCases: Record<keyof AccountStore, string | readonly Case[]> = {
  createUser: [
    {
      what: 'a new one',
      run: (store) =>
        store.createUser({
          id: md5Uuid('new'),
          username: 'New',
          email: null,
          role: 'viewer',
          passwordHash: 'x',
        }),
    },
  ],
  findUser: [
    { what: 'by id', run: (store) => store.findUser(user), index: 'users_pkey' },
    { what: 'by name', run: (store) => store.findUser('USER-7'), index: 'users_username_key' },
  ],
  listUsers: [
    { what: 'the first page', run: (store) => store.listUsers({ limit }), index: 'users_username_key' },
    {
      what: 'a later page',
      run: (store) => store.listUsers({ limit, cursor: encodeCursor('users', ['user-3']) }),
      index: 'users_username_key',
    },
  ],
  updateUser: [
    { what: 'the role', run: (store) => store.updateUser({ id: user, role: 'viewer' }) },
    { what: 'that ends tokens', run: (store) => store.updateUser({ id: user, isDisabled: true }) },
  ],
  rehashPassword: [
    {
      what: 'one',
      run: (store) => store.rehashPassword({ id: user, from: 'x', to: 'y' }),
      index: 'users_pkey',
    },
  ],
  changePassword: [
    {
      what: 'one',
      run: (store) =>
        store.changePassword({
          id: user,
          credentialVersion: 1,
          passwordHash: 'y',
          keptTokenId: md5Uuid('token7'),
        }),
    },
  ],
  createToken: [
    { what: 'of a user', run: (store) => store.createToken(aToken) },
    { what: 'of nobody', run: (store) => store.createToken({ ...aToken, owner: null }) },
  ],
  findToken: [
    { what: 'one', run: (store) => store.findToken('digest-77'), index: 'api_tokens_digest_key' },
    { what: 'an unknown one', run: (store) => store.findToken('none'), index: 'api_tokens_digest_key' },
  ],
  touchToken: [
    { what: 'one', run: (store) => store.touchToken(md5Uuid('token1')), index: 'api_tokens_pkey' },
  ],
  listTokens: [user, null, 'anyone'].flatMap((ownedBy) => [
    {
      what: `the first page of ${ownedBy === user ? 'a user' : String(ownedBy)}`,
      run: (store: Store) => store.listTokens({ ownedBy, limit }),
    },
    {
      what: `a later page of ${ownedBy === user ? 'a user' : String(ownedBy)}`,
      run: (store: Store) =>
        store.listTokens({
          ownedBy,
          limit,
          cursor: encodeCursor('tokens', [inTheMiddle, md5Uuid('token1')]),
        }),
    },
  ]),
  revokeToken: [user, null, 'anyone'].map((ownedBy) => ({
    what: ownedBy === user ? 'of a user' : String(ownedBy),
    run: (store: Store) => store.revokeToken({ id: md5Uuid('token7'), ownedBy }),
    index: 'api_tokens_pkey',
  })),
  revokeSessions: [
    { what: 'of a user', run: (store) => store.revokeSessions(user), index: 'api_tokens_of_user' },
  ],
  deleteOldTokens: [
    {
      what: 'when most are old',
      run: (store) => store.deleteOldTokens({ olderThanMs: 86_400_000, limit }),
      sorts: 'two batches',
      pages: 2_000,
    },
    {
      what: 'when there are none',
      run: (store) => store.deleteOldTokens({ olderThanMs: 4_000 * 86_400_000, limit }),
      sorts: 'two batches',
    },
  ],
  appendAudit: [
    {
      what: 'one',
      run: (store) =>
        store.appendAudit({
          id: md5Uuid('new'),
          actor: { kind: 'session', userId: user, tokenId: null, name: 'n' },
          action: 'run.submit',
          outcome: 'ok',
          target: null,
          address: null,
          details: {},
        }),
    },
  ],
  listAudit: [
    { what: 'the first page', run: (store) => store.listAudit({ limit }), index: 'audit_log_list' },
    {
      what: 'a later page',
      run: (store) =>
        store.listAudit({ limit, cursor: encodeCursor('audit', [inTheMiddle, md5Uuid('entry1')]) }),
      index: 'audit_log_list',
    },
  ],
}
