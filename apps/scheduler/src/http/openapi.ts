import { errorCodes, isRole, scopeFor, type ErrorCode } from '@celeriac/core'
import { httpSchemas } from '@celeriac/contracts'
import { z } from 'zod'
import { problemForm } from './error-form.ts'
import { bodyExamples, schemaExamples } from './openapi-examples.ts'
import { routeTags, type AnswerSpec, type BodyContent, type Route } from './route.ts'

type Json = Record<string, unknown>

/** Codes that any route may answer. */
const codesOfAll: readonly ErrorCode[] = ['INTERNAL_ERROR', 'STORE_UNAVAILABLE']
const codesOfGate: readonly ErrorCode[] = ['AUTH_TOKEN_MISSING', 'AUTH_TOKEN_INVALID', 'AUTH_FORBIDDEN']
const codesOfBody: readonly ErrorCode[] = [
  'VALIDATION_BODY_TOO_LARGE',
  'VALIDATION_BODY_TIMEOUT',
  'VALIDATION_CONTENT_TYPE',
]

/** Of routes that take new work in: {@link RouteSpec.takesWork}. */
const codesOfIntake: readonly ErrorCode[] = ['BROKER_UNAVAILABLE', 'STORE_FULL']

const description = [
  'Distributed task queue and DAG engine for machine-learning pipelines.',
  '',
  'Errors are RFC 9457 problem details (`application/problem+json`) with a stable `code`, but for',
  'protocols with errors of their own. Every answer bears',
  '`X-Request-Id`, the one of the request or a new one. Lists are newest first, with a cursor. A path that exists is',
  '405 with `Allow` for other methods; whatever needs a token is 401 without one, also what does not exist, and 403 with',
  'one that does not allow it.',
].join('\n')

/** The OpenAPI 3.1 document of the route table. Schemas are the ones that check requests and (in tests) answers. */
export function openApiDocument(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Json> = {}
  for (const route of routes) (paths[route.path] ??= {})[route.method] = operation(route)
  return {
    openapi: '3.1.0',
    info: {
      title: 'Celeriac',
      version,
      description,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The scheduler that this document was read from' }],
    security: [{ token: [] }],
    tags: Object.entries(routeTags).map(([name, text]) => ({ name, description: text })),
    paths,
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description:
            'The token of `CELERIAC_API_TOKEN`, one of a login (`POST /api/v1/auth/login`) or an API token (`POST /api/v1/tokens`).',
        },
      },
      schemas: componentSchemas(),
      headers,
    },
  }
}

const headers = {
  RequestId: {
    description: 'Names the request: also in the log of the server, and in `instance` of an error.',
    schema: { type: 'string' },
    required: true,
  },
  RetryAfter: { description: 'Seconds to wait before another try.', schema: { type: 'integer' } },
  Challenge: { description: 'The scheme that is expected: `Bearer`.', schema: { type: 'string' } },
}
const requestIdHeader = { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } }

function operation(route: Route): Json {
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    ...securityOf(route),
    parameters: [
      ...parameters('path', route.params),
      ...parameters('query', route.query),
      ...Object.entries(route.headers ?? {}).map(([name, header]) => ({
        name,
        in: 'header',
        required: false,
        description: header.description,
        schema: inlineSchema(header.schema),
      })),
    ],
    ...(route.body === undefined ? {} : { requestBody: requestBody(route.body) }),
    responses: { ...answers(route), ...errorAnswers(route) },
  }
}

/** `{}`: without a token too. The role and the scope that a token needs have no place of their own in OpenAPI. */
function securityOf({ access }: Route): Json {
  if (isRole(access)) return { 'x-least-role': access, 'x-token-scope': scopeFor(access) }
  return { security: access === 'public' ? [] : [{}, { token: [] }] }
}

function parameters(place: 'path' | 'query', schema: z.ZodType | undefined): Json[] {
  if (schema === undefined) return []
  const { properties = {}, required = [] } = inlineSchema(schema) as {
    properties?: Record<string, Json>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description: text, ...property }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    description: text,
    schema: property,
  }))
}

const requestBody = ({ required, content }: NonNullable<Route['body']>): Json => ({
  required,
  content: Object.fromEntries(
    Object.entries(content).map(([type, schema]) => [
      type,
      {
        ...bodySchema(schema),
        ...(bodyExamples[type] === undefined ? {} : { example: bodyExamples[type] }),
      },
    ]),
  ),
})

const answers = (route: Route): Json =>
  Object.fromEntries(
    Object.entries(route.answers).map(([status, answer]) => [
      status,
      {
        description: answer.description,
        headers: {
          ...requestIdHeader,
          ...errorHeaders[status],
          ...(answer.location === undefined
            ? {}
            : { Location: { description: answer.location, schema: { type: 'string' }, required: true } }),
        },
        ...answerContent(answer),
      },
    ]),
  )

function answerContent({ schema, contentType, binaryType, events }: AnswerSpec): Json {
  if (schema === undefined && contentType === undefined) return {}
  const described = schema === undefined ? { type: 'string' } : reference(schema)
  return {
    content: {
      [contentType ?? 'application/json']: { schema: events === undefined ? described : eventSchema(events) },
      ...(binaryType === undefined ? {} : { [binaryType]: {} }),
    },
  }
}

/** Of each event. OpenAPI 3.2 calls it `itemSchema`; before that, tools read it here. */
const eventSchema = (events: NonNullable<AnswerSpec['events']>): Json => ({
  description: 'Each event. Its data is JSON.',
  oneOf: Object.entries(events).map(([event, data]) => ({
    type: 'object',
    properties: {
      event: { const: event },
      id: { type: 'string', description: 'Send the last one back as `Last-Event-ID`.' },
      data: { type: 'string', contentMediaType: 'application/json', contentSchema: reference(data) },
    },
    required: ['event', 'id', 'data'],
  })),
})

/** Errors by status, each with the codes that it may carry. */
function errorAnswers(route: Route): Json {
  const takesInput = [route.params, route.query, route.body].some((part) => part !== undefined)
  const codes = new Set<ErrorCode>([
    ...route.errors,
    ...(route.access === 'public' ? [] : codesOfGate),
    ...(takesInput ? (['VALIDATION_BODY_INVALID'] as const) : []),
    ...(route.body === undefined ? [] : codesOfBody),
    ...(route.takesWork === true ? codesOfIntake : []),
    ...codesOfAll,
  ])
  const byStatus: Record<string, ErrorCode[]> = {}
  const form = route.errorForm ?? problemForm
  for (const code of [...codes].toSorted()) (byStatus[form.statusOf(code)] ??= []).push(code)
  const own = new Set(Object.keys(route.answers))
  return Object.fromEntries(
    Object.entries(byStatus)
      .filter(([status]) => !own.has(status))
      .map(([status, list]) => [
        status,
        {
          description: list.map((code) => `\`${code}\`: ${errorCodes[code].meaning}`).join('\n\n'),
          headers: { ...requestIdHeader, ...errorHeaders[status] },
          content: { [form.contentType]: { schema: reference(form.schema) } },
        },
      ]),
  )
}

const errorHeaders: Readonly<Record<string, Json>> = {
  401: { 'WWW-Authenticate': { $ref: '#/components/headers/Challenge' } },
  429: { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } },
  503: { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } },
  507: { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } },
}

const refPrefix = '#/components/schemas/'

function reference(schema: z.ZodType): Json {
  const id = httpSchemas.get(schema)?.id
  return id === undefined ? inlineSchema(schema) : { $ref: `${refPrefix}${id}` }
}

/** A body of bytes has no schema: so OpenAPI 3.1 wants it. */
function bodySchema(content: BodyContent): Json {
  if (content === 'any') return {}
  return { schema: content === 'file' ? fileForm : reference(content) }
}

const fileForm = {
  type: 'object',
  properties: { file: { contentMediaType: 'application/octet-stream' } },
  required: ['file'],
  description: 'A form with exactly one file part, of any name; its fields are ignored.',
}

/** What a client may send, where that is more than what the server then sees (coerced numbers, defaults). */
function inlineSchema(schema: z.ZodType): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return rest
}

function componentSchemas(): Json {
  const { schemas } = z.toJSONSchema(httpSchemas, {
    io: 'input',
    unrepresentable: 'any',
    uri: (id) => `${refPrefix}${id}`,
  })
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _dialect, $id: _id, ...schema }]) => [
      id,
      { ...schema, ...(schemaExamples[id] === undefined ? {} : { examples: [schemaExamples[id]] }) },
    ]),
  )
}
