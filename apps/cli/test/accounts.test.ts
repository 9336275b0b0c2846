import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { noteServer, readAdminToken } from '../src/client/admin-token-file.ts'
import { readLogin, removeLogin, writeLogin } from '../src/client/login-file.ts'
import { runCommandLine } from '../src/index.ts'
import { problem, recordedIo, runCli, stubServer, type Respond, type StubServer } from './cli-harness.ts'

let directory: string
let server: StubServer | null = null
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'celeriac-login-'))
})
afterEach(async () => {
  await server?.close()
  server = null
  await rm(directory, { recursive: true, force: true })
})

const user = {
  id: '01a1fc20-5c1e-7d43-9a53-0c9be0a1f3d2',
  username: 'ann',
  email: null,
  role: 'editor',
  disabled: false,
  created_at: '2026-11-21T02:50:00.000Z',
}
const login = { token: 'cel_s_secret', token_type: 'bearer', expires_at: '2026-11-21T14:50:00.000Z', user }

/** Runs a command line with a typed password and the data directory of the test. */
async function run(respond: Respond, ...args: string[]) {
  server ??= await stubServer(respond)
  const asked: string[] = []
  const io = {
    ...recordedIo(),
    readSecrets: (prompts: readonly string[]) => {
      asked.push(...prompts)
      return Promise.resolve(
        prompts.map((prompt) => `${prompt.startsWith('new') ? 'newly ' : ''}typed password`),
      )
    },
  }
  const never = new AbortController()
  const code = await runCommandLine([...args, '--server', server.url, '--data-dir', directory], {
    io,
    interrupt: { signal: () => never.signal, isInterrupted: () => false },
  })
  return { code, out: io.outLines.join('\n'), err: io.errLines.join('\n'), asked }
}

test('a login asks for the password, keeps the token for its owner alone, and is used from then on', async () => {
  const respond: Respond = ({ url }) => {
    if (url.endsWith('/login')) return { body: login }
    if (url.endsWith('/logout')) return { body: { revoked: 1 } }
    return { body: { kind: 'session', user, role: 'editor', scopes: ['read', 'run', 'admin'], token: null } }
  }
  const { code, out, asked } = await run(respond, 'login', '--username', 'ann')
  expect([code, asked]).toEqual([0, ['password of ann: ']])
  expect(out).toBe('logged in as ann (editor) until 2026-11-21T14:50:00.000Z')
  const file = join(directory, 'login.json')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(await readFile(file, 'utf8')).not.toContain('typed password')
  expect((await run(respond, 'whoami')).out).toBe('ann: editor, scopes read, run, admin (session)')
  expect(server?.asked.at(-1)?.headers.authorization).toBe('Bearer cel_s_secret')
  expect((await run(respond, 'logout')).out).toBe('logged out ann')
  await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' })
  expect((await run(respond, 'logout')).code).toBe(2)
})

test('a wrong password is told without a hint at tokens, and keeps nothing', async () => {
  const { code, err } = await run(
    () => problem(401, 'AUTH_CREDENTIALS', 'the name and the password do not fit each other'),
    'login',
    '--username',
    'ann',
  )
  expect(code).toBe(77)
  expect(err).toBe('error: the name and the password do not fit each other (AUTH_CREDENTIALS)')
  expect(await readLogin(directory, server?.url ?? '')).toBeNull()
})

test('too many tries end as what may succeed later', async () => {
  const refused = () => problem(429, 'AUTH_THROTTLED', 'too many', { details: { retry_after_s: 4 } })
  const { code, err } = await run(refused, 'login', '--username', 'ann')
  expect(code).toBe(69)
  expect(err).toContain('retry_after_s: 4')
})

test('the token of one server is not sent to another', async () => {
  const stored = { server: 'http://one:8780/', username: 'ann', token: 't', expires_at: 'later' }
  await writeLogin(directory, stored)
  expect(await readLogin(directory, 'http://one:8780')).toMatchObject({ token: 't' })
  expect(await readLogin(directory, 'http://other:8780')).toBeNull()
  await removeLogin(directory)
  expect(await readLogin(directory, 'http://one:8780')).toBeNull()
})

test('a password is changed with the current one; neither is on the command line nor printed', async () => {
  const { code, out, asked } = await run(() => ({ body: { revoked: 2 } }), 'password', '--token', 't')
  expect([code, out]).toEqual([0, 'the password is changed; other logins that were ended: 2'])
  expect(asked).toEqual(['current password: ', 'new password: '])
  const { url, body } = server!.asked[0]!
  expect([url, JSON.parse(body)]).toEqual([
    '/api/v1/auth/password',
    { current: 'typed password', new: 'newly typed password' },
  ])
})

test('the admin token of the data directory is sent to this machine, and to where its scheduler says it is', async () => {
  const token = { token: 'the-admin-token', file: join(directory, 'token'), isNew: true }
  await writeFile(token.file, `${token.token}\n`)
  for (const sent of [
    'http://127.0.0.1:8780',
    'http://localhost:1',
    'http://[::1]:8780',
    'https://127.8.9.1',
  ])
    expect(await readAdminToken(directory, sent)).toBe('the-admin-token')
  const elsewhere = [
    'http://10.0.0.7:8780',
    'http://127.0.0.1.example.org',
    'http://localhost.example.org:8780',
  ]
  for (const server of [...elsewhere, 'http://127.0.0.1@example.org', 'http://user:localhost@example.org'])
    expect([server, await readAdminToken(directory, server)]).toEqual([server, null])
  await noteServer(directory, { url: 'http://10.0.0.7:8780', token })
  expect(await readAdminToken(directory, 'http://10.0.0.7:8780/')).toBe('the-admin-token')
  for (const server of ['http://10.0.0.7:8781', 'https://10.0.0.7:8780', ...elsewhere.slice(1)])
    expect([server, await readAdminToken(directory, server)]).toEqual([server, null])
})

test('to a server elsewhere goes no token, and the answer says what to do', async () => {
  await writeFile(join(directory, 'token'), 'the-admin-token')
  server = await stubServer(() => problem(401, 'AUTH_TOKEN_MISSING', 'a bearer token is needed'))
  const runs = (url: string) => runCli('runs', '--server', url, '--data-dir', directory)
  // It leads to this machine, but no rule says so.
  const { code, err } = await runs(server.url.replace('127.0.0.1', '0.0.0.0'))
  expect([code, err]).toEqual([77, expect.stringContaining('to a server on this machine')])
  await runs(server.url)
  expect(server.asked.map(({ headers }) => headers.authorization)).toEqual([
    undefined,
    'Bearer the-admin-token',
  ])
})

test('a user is made with a password that is typed, not with one on the command line', async () => {
  const { code, out } = await run(
    () => ({ status: 201, body: user }),
    'users',
    'add',
    'ann',
    '--role',
    'editor',
  )
  expect([code, out]).toEqual([0, 'ann: editor'])
  expect(JSON.parse(server?.asked[0]?.body ?? '')).toEqual({
    username: 'ann',
    password: 'typed password',
    role: 'editor',
    email: null,
  })
})
