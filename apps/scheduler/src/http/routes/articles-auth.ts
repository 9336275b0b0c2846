import {
  articlesLoginBodySchema,
  articlesLoginSchema,
  articlesRegisterBodySchema,
  articlesTokenSchema,
  articlesUserSchema,
} from '@celeriac/contracts'
import { articlesLoginView, articlesUserView } from '../../iris/account-views.ts'
import { articlesForm } from '../../iris/articles-form.ts'
import { jsonBody } from '../body-readers.ts'
import { defineRoute, type Route } from '../route.ts'
import { isoOf } from '../views/instant.ts'
import { known } from './auth.ts'

const path = '/api/auth'
const maxBytes = 262_144
const form = { tag: 'articles', errorForm: articlesForm } as const

/** Accounts as the articles' clients know them: the same users and tokens as those of `/api/v1/auth`. */
export const articlesAuthRoutes: readonly Route[] = [
  defineRoute({
    ...form,
    method: 'post',
    path: `${path}/register`,
    operationId: 'registerArticles',
    summary: 'Makes an account and logs in, where `CELERIAC_REGISTRATION` is `open`.',
    access: 'public',
    body: jsonBody(articlesRegisterBodySchema, { maxBytes, isSecret: true }),
    answers: { 200: { description: 'The user and a token', schema: articlesLoginSchema } },
    errors: ['AUTH_FORBIDDEN', 'AUTH_THROTTLED', 'CONFLICT_USER_EXISTS'],
    async handle({ body, address }, { accounts }) {
      return { status: 200, body: articlesLoginView(await accounts.registerAndLogin(body, { address })) }
    },
  }),
  defineRoute({
    ...form,
    method: 'post',
    path: `${path}/login_extend`,
    operationId: 'loginArticles',
    summary: 'Gives a token for a name and a password; it ends after 12 hours.',
    access: 'public',
    body: jsonBody(articlesLoginBodySchema, { maxBytes, isSecret: true }),
    answers: { 200: { description: 'The user and a token', schema: articlesLoginSchema } },
    errors: ['AUTH_CREDENTIALS', 'AUTH_THROTTLED'],
    async handle({ body, address }, { accounts }) {
      return { status: 200, body: articlesLoginView(await accounts.login(body, { address })) }
    },
  }),
  defineRoute({
    ...form,
    method: 'get',
    path: `${path}/user`,
    operationId: 'userArticles',
    summary: 'Whose token the request is sent with.',
    access: 'viewer',
    answers: { 200: { description: 'The user', schema: articlesUserSchema } },
    errors: [],
    handle: ({ caller }) => ({ status: 200, body: articlesUserView(known(caller)) }),
  }),
  defineRoute({
    ...form,
    method: 'post',
    path: `${path}/login/`,
    operationId: 'renewArticlesToken',
    summary: 'Gives another token to who has one of a login; both stay valid.',
    access: 'viewer',
    answers: { 200: { description: 'The token', schema: articlesTokenSchema } },
    errors: [],
    async handle({ caller, address }, { accounts }) {
      const { token, expiresAt } = await accounts.loginAgain(known(caller), { address })
      return { status: 200, body: { expiry: isoOf(expiresAt), token } }
    },
  }),
  defineRoute({
    ...form,
    method: 'post',
    path: `${path}/logout/`,
    operationId: 'logoutArticles',
    summary: 'Ends the token that the request is sent with.',
    access: 'viewer',
    answers: { 204: { description: 'It is ended' } },
    errors: [],
    async handle({ caller, address }, { accounts }) {
      await accounts.logout(known(caller), { address })
      return { status: 204 }
    },
  }),
  defineRoute({
    ...form,
    method: 'post',
    path: `${path}/logoutall/`,
    operationId: 'logoutAllArticles',
    summary: 'Ends all logins of the user, this one too; API tokens stay.',
    access: 'viewer',
    answers: { 204: { description: 'They are ended' } },
    errors: [],
    async handle({ caller, address }, { accounts }) {
      await accounts.logoutAll(known(caller), { address })
      return { status: 204 }
    },
  }),
]
