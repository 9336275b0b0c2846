/** Every operation of the OpenAPI document, with and without a token, and with bodies that do not fit. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  isRole,
  lowerRole,
  mayUse,
  roles,
  scopeFor,
  tokenScopes,
  type ErrorCode,
  type Role,
  type TokenScope,
} from '@celeriac/core'
import { newToken } from '../../src/accounts/token-text.ts'
import { tokenOf } from './a-token.ts'
import { problemForm } from '../../src/http/error-form.ts'
import type { Route } from '../../src/http/route.ts'
import { routes } from '../../src/http/routes/index.ts'
import { chainDocument, startApi, token, type Answer, type CallOptions } from './api-harness.ts'
import { fakePredictions } from './fake-predictions.ts'
import { makeWorld, routeCases, type World } from './route-cases.ts'

let world: World
beforeAll(async () => {
  const api = await startApi({
    maxDatasetBytes: 200_000,
    predictions: fakePredictions(),
    modelMemory: { load: () => Promise.resolve(), unload: () => Promise.resolve() },
    invocationsModel: { name: 'model' },
  })
  world = await makeWorld(api)
})
afterAll(() => world.api.close())

/** The good call, on a run of its own where it changes one. */
async function goodCall(operationId: string) {
  const { path, ...call } = routeCases[operationId]!.good(world)
  if (!path.includes('/new/')) return { path, ...call }
  const { body } = await world.api.call('POST', '/api/v1/runs', {
    type: 'application/yaml',
    body: chainDocument(['a', 'b']),
  })
  return { path: path.replace('new', body.id), ...call }
}

const rows = routes.map((route) => [route.operationId, route] as const)

/** The code of an error where its form has one; else that it says something. */
function expectError(
  { errorForm }: { readonly errorForm: Route['errorForm'] | undefined },
  answer: Answer,
  [status, code]: readonly [number, ErrorCode],
): void {
  if (errorForm === undefined) expect([answer.status, answer.body.code]).toEqual([status, code])
  else
    expect([answer.status, JSON.stringify(errorForm.schema.parse(answer.body))]).toEqual([
      status,
      expect.stringMatching(/\S/),
    ])
}

test('every operation has a case, and every case an operation', () => {
  expect(Object.keys(routeCases).toSorted()).toEqual(rows.map(([operationId]) => operationId).toSorted())
  for (const [operationId, route] of rows)
    expect([operationId, routeCases[operationId]!.bad === undefined]).toEqual([
      operationId,
      route.body === undefined,
    ])
})

test.each(rows)('%s needs what it says of a token', async (operationId, { method, access, errorForm }) => {
  const { path, status, options } = await goodCall(operationId)
  if (!isRole(access)) {
    for (const given of [null, 'wrong']) {
      const body = (await goodCall(operationId)).options
      expect((await world.api.call(method.toUpperCase(), path, { ...body, token: given })).status).toBe(
        status,
      )
    }
    return
  }
  const call = (given: string | null) =>
    world.api.call(method.toUpperCase(), path, { ...options, token: given })
  const missing = await call(null)
  expectError({ errorForm }, missing, [401, 'AUTH_TOKEN_MISSING'])
  expect(missing.headers.get('www-authenticate')).toBe('Bearer realm="celeriac"')
  for (const wrong of [
    'nonsense',
    `${token}x`,
    token.slice(0, -1),
    token.toUpperCase(),
    `"${token}"`,
    '%00',
    newToken('session').text,
  ]) {
    const answer = await call(wrong)
    expectError({ errorForm }, answer, [401, 'AUTH_TOKEN_INVALID'])
  }
})

test.each(rows)('%s succeeds with the token', async (operationId, { method, answers }) => {
  await routeCases[operationId]!.before?.(world)
  const { path, status, options } = await goodCall(operationId)
  const answer = await world.api.call(method.toUpperCase(), path, options)
  expect([answer.status, answer.body]).toEqual([status, answer.body])
  expect(Object.keys(answers)).toContain(String(status))
})

const malformed = rows.flatMap(([operationId]) =>
  (routeCases[operationId]!.bad ?? []).map(
    ([what, status, options]) => [operationId, what, status, options] as const,
  ),
)

test.each(malformed)('%s refuses %s (%i)', async (operationId, _what, status, options: CallOptions) => {
  const { path } = await goodCall(operationId)
  const { method, errorForm = problemForm } = routes.find((route) => route.operationId === operationId)!
  const answer = await world.api.call(method.toUpperCase(), path, options)
  expect([answer.status, answer.body]).toEqual([status, answer.body])
  const body = errorForm.schema.parse(answer.body)
  if (errorForm === problemForm) expect(body).toMatchObject({ status })
  expect(answer.headers.get('content-type')).toBe(`${errorForm.contentType}; charset=utf-8`)
})

test('a broken data set is told with its lines', async () => {
  const content = ['a,b', '1,2', '3', '4,5', '6,7,8', '9,10'].join('\n')
  const { body } = await world.api.call('POST', '/api/v1/datasets', { type: 'text/csv', body: content })
  expect(
    body.problems.map(({ line, message }: { line: number; message: string }) => [line, message]),
  ).toEqual([
    [3, 'the row has 1 cell, the header has 2'],
    [5, 'the row has 3 cells, the header has 2'],
  ])
})

interface TestCaller {
  readonly user: Role
  readonly kind: 'session' | 'api'
  readonly role: Role
  readonly scopes: readonly TokenScope[]
}

/** Logins of all roles, and two tokens of an admin: narrowed to the role that is needed, and to all scopes but the one. */
const callersOf = (least: Role): readonly TestCaller[] => [
  ...roles.map((user) => ({ user, kind: 'session', role: 'admin', scopes: tokenScopes }) as const),
  { user: 'admin', kind: 'api', role: least, scopes: [scopeFor(least)] },
  {
    user: 'admin',
    kind: 'api',
    role: 'admin',
    scopes: tokenScopes.filter((scope) => scope !== scopeFor(least)),
  },
]

const tokens = new Map<string, string>()
async function tokenFor(caller: TestCaller, operationId: string): Promise<string> {
  const key = JSON.stringify(caller)
  const made = tokens.get(key) ?? (await tokenOf(world.api.store, caller.user, caller))
  // A token is used up by being ended.
  if (operationId.startsWith('logout')) tokens.delete(key)
  else tokens.set(key, made)
  return made
}

// The last of the file: routes that remove something have had their good calls.
test.each(rows.filter(([, { access }]) => isRole(access)))(
  '%s is open to the roles of the table, and to no others',
  async (operationId, { method, access, errorForm }) => {
    const least = access as Role
    const { path, options } = await goodCall(operationId)
    for (const caller of callersOf(least)) {
      const given = await tokenFor(caller, operationId)
      const answer = await world.api.call(method.toUpperCase(), path, { ...options, token: given })
      const mayPass = mayUse({ ...caller, role: lowerRole(caller.user, caller.role) }, least)
      const isRefused = answer.status === 401 || answer.status === 403
      // Beyond the table: whoever may manage tokens is a matter of the kind of token.
      const isTokenRule = caller.kind === 'api' && /Tokens?$|^changePassword$/.test(operationId) && mayPass
      if (!isTokenRule) expect([caller, answer.status, isRefused]).toEqual([caller, answer.status, !mayPass])
      if (!mayPass) expectError({ errorForm }, answer, [403, 'AUTH_FORBIDDEN'])
    }
  },
)
