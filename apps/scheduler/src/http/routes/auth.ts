import {
  callerSchema,
  changePasswordBodySchema,
  loggedOutSchema,
  loginBodySchema,
  loginSchema,
  registerBodySchema,
  userSchema,
} from '@celeriac/contracts'
import { AppError } from '@celeriac/core'
import type { Caller } from '../../accounts/caller.ts'
import { jsonBody } from '../body-readers.ts'
import { defineRoute, type Route } from '../route.ts'
import { callerView, loginView, userView } from '../views/account-views.ts'

const path = '/api/v1/auth'
const maxBytes = 262_144

export const authRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: `${path}/register`,
    operationId: 'register',
    tag: 'accounts',
    summary: 'Makes an account of the role viewer, where `CELERIAC_REGISTRATION` is `open`.',
    access: 'public',
    body: jsonBody(registerBodySchema, { maxBytes, isSecret: true }),
    answers: { 201: { description: 'The user', schema: userSchema } },
    errors: ['AUTH_FORBIDDEN', 'AUTH_THROTTLED', 'CONFLICT_USER_EXISTS'],
    async handle({ body, address }, { accounts }) {
      return { status: 201, body: userView(await accounts.register(body, { address })) }
    },
  }),
  defineRoute({
    method: 'post',
    path: `${path}/login`,
    operationId: 'login',
    tag: 'accounts',
    summary: 'Gives a token for a name and a password; it ends after 12 hours.',
    description:
      'One answer for all that may be wrong with them. After some failures each further try, of a name or from an address, has to wait longer: 429 with `Retry-After`.',
    access: 'public',
    body: jsonBody(loginBodySchema, { maxBytes, isSecret: true }),
    answers: { 200: { description: 'The token, and whose it is', schema: loginSchema } },
    errors: ['AUTH_CREDENTIALS', 'AUTH_THROTTLED'],
    async handle({ body, address }, { accounts }) {
      return { status: 200, body: loginView(await accounts.login(body, { address })) }
    },
  }),
  defineRoute({
    method: 'post',
    path: `${path}/logout`,
    operationId: 'logout',
    tag: 'accounts',
    summary: 'Ends the token that the request is sent with.',
    description: 'The configured admin token stays: 0 tokens are ended.',
    access: 'viewer',
    answers: { 200: { description: 'How many tokens were ended', schema: loggedOutSchema } },
    errors: [],
    async handle({ caller, address }, { accounts }) {
      return { status: 200, body: { revoked: await accounts.logout(known(caller), { address }) } }
    },
  }),
  defineRoute({
    method: 'post',
    path: `${path}/logout-all`,
    operationId: 'logoutAll',
    tag: 'accounts',
    summary: 'Ends all logins of the user, this one too; API tokens stay.',
    access: 'viewer',
    answers: { 200: { description: 'How many tokens were ended', schema: loggedOutSchema } },
    errors: [],
    async handle({ caller, address }, { accounts }) {
      return { status: 200, body: { revoked: await accounts.logoutAll(known(caller), { address }) } }
    },
  }),
  defineRoute({
    method: 'post',
    path: `${path}/password`,
    operationId: 'changePassword',
    tag: 'accounts',
    summary: 'Changes the password of the user who has logged in.',
    description:
      'Ends all other logins of the user; the one that the request is sent with stays, and API tokens do. Wrong current passwords count, and slow down, as failed logins do.',
    access: 'viewer',
    body: jsonBody(changePasswordBodySchema, { maxBytes, isSecret: true }),
    answers: { 200: { description: 'How many other logins were ended', schema: loggedOutSchema } },
    errors: ['AUTH_CREDENTIALS', 'AUTH_THROTTLED'],
    async handle({ body, caller, address }, { accounts }) {
      const given = { current: body.current, next: body.new }
      return {
        status: 200,
        body: { revoked: await accounts.changePassword(given, known(caller), { address }) },
      }
    },
  }),
  defineRoute({
    method: 'get',
    path: `${path}/me`,
    operationId: 'me',
    tag: 'accounts',
    summary: 'Whose token the request is sent with, and what it allows.',
    access: 'viewer',
    answers: { 200: { description: 'The caller', schema: callerSchema } },
    errors: [],
    handle: ({ caller }) => ({ status: 200, body: callerView(known(caller)) }),
  }),
]

/** The caller of a route that has one. */
export function known(caller: Caller | null): Caller {
  if (caller !== null) return caller
  throw new AppError('INTERNAL_ERROR', 'a route without a role asked for its caller')
}
