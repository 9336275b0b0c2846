import {
  createdTokenSchema,
  createTokenBodySchema,
  tokenPageSchema,
  tokenSchema,
  tokensQuerySchema,
} from '@celeriac/contracts'
import { jsonBody } from '../body-readers.ts'
import { defineRoute, type Route } from '../route.ts'
import { tokenView } from '../views/account-views.ts'
import { given, pageView } from '../views/page-view.ts'
import { known } from './auth.ts'
import { tokenParams } from './path-params.ts'

const path = '/api/v1/tokens'
const dayMs = 86_400_000

export const tokenRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path,
    operationId: 'listTokens',
    tag: 'accounts',
    summary: 'Lists the API tokens of the caller, or of everybody; newest first.',
    access: 'viewer',
    query: tokensQuerySchema,
    answers: { 200: { description: 'A page of tokens', schema: tokenPageSchema } },
    errors: [],
    async handle({ query, caller }, { accounts }) {
      const page = await accounts.tokens.list(given(query), known(caller))
      return { status: 200, body: pageView(page, tokenView) }
    },
  }),
  defineRoute({
    method: 'post',
    path,
    operationId: 'createToken',
    tag: 'accounts',
    summary: 'Makes an API token, which allows no more than its maker may.',
    description: 'With a login or the configured admin token only: API tokens make no tokens.',
    access: 'viewer',
    body: jsonBody(createTokenBodySchema),
    answers: { 201: { description: 'The token; it cannot be shown again', schema: createdTokenSchema } },
    errors: [],
    async handle({ body, caller, address }, { accounts }) {
      const { expires_in_days: days, ...wish } = body
      const lifetimeMs = days === null ? null : days * dayMs
      const made = await accounts.tokens.create({ ...wish, lifetimeMs }, known(caller), { address })
      return { status: 201, body: { secret: made.secret, token: tokenView(made.token) } }
    },
  }),
  defineRoute({
    method: 'delete',
    path: `${path}/{id}`,
    operationId: 'revokeToken',
    tag: 'accounts',
    summary: 'Ends a token of the caller, or as an admin any; twice is no error.',
    description: 'Other schedulers may accept it for 5 seconds more.',
    access: 'viewer',
    params: tokenParams,
    answers: { 200: { description: 'The token as it is now', schema: tokenSchema } },
    errors: ['NOT_FOUND_TOKEN'],
    async handle({ params, caller, address }, { accounts }) {
      const token = await accounts.tokens.revoke(params.id, known(caller), { address })
      return { status: 200, body: tokenView(token) }
    },
  }),
]
