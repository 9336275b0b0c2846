import {
  createUserBodySchema,
  pageQuerySchema,
  patchUserBodySchema,
  userPageSchema,
  userSchema,
} from '@celeriac/contracts'
import { jsonBody } from '../body-readers.ts'
import { defineRoute, type Route } from '../route.ts'
import { userView } from '../views/account-views.ts'
import { given, pageView } from '../views/page-view.ts'
import { known } from './auth.ts'
import { userParams } from './path-params.ts'

const path = '/api/v1/users'
const maxBytes = 262_144

export const userRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path,
    operationId: 'listUsers',
    tag: 'accounts',
    summary: 'Lists users by name.',
    access: 'admin',
    query: pageQuerySchema,
    answers: { 200: { description: 'A page of users', schema: userPageSchema } },
    errors: [],
    async handle({ query }, { accounts }) {
      return { status: 200, body: pageView(await accounts.listUsers(given(query)), userView) }
    },
  }),
  defineRoute({
    method: 'post',
    path,
    operationId: 'createUser',
    tag: 'accounts',
    summary: 'Makes a user.',
    access: 'admin',
    body: jsonBody(createUserBodySchema, { maxBytes, isSecret: true }),
    answers: { 201: { description: 'The user', schema: userSchema } },
    errors: ['CONFLICT_USER_EXISTS', 'AUTH_THROTTLED'],
    async handle({ body, caller, address }, { accounts }) {
      return { status: 201, body: userView(await accounts.createUser(body, known(caller), { address })) }
    },
  }),
  defineRoute({
    method: 'patch',
    path: `${path}/{id}`,
    operationId: 'patchUser',
    tag: 'accounts',
    summary: 'Changes a user, by id or name: role, e-mail, password; disables or enables one.',
    description: 'A new password, and being disabled, end all logins and API tokens of the user.',
    access: 'admin',
    params: userParams,
    body: jsonBody(patchUserBodySchema, { maxBytes, isSecret: true }),
    answers: { 200: { description: 'The user as it is now', schema: userSchema } },
    errors: ['NOT_FOUND_USER', 'AUTH_THROTTLED'],
    async handle({ params, body, caller, address }, { accounts }) {
      const user = await accounts.updateUser(params.id, body, known(caller), { address })
      return { status: 200, body: userView(user) }
    },
  }),
]
