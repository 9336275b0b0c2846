import { errorCodes, type ErrorCode } from '@celeriac/core'
import { httpSchemas, problemDetailsSchema } from '@celeriac/contracts'
import { z } from 'zod'
import type { AnswerSpec, Route } from './route.ts'

type Json = Record<string, unknown>

/** Codes that any route behind the gate may answer. */
const codesOfAll: readonly ErrorCode[] = ['INTERNAL_ERROR', 'STORE_UNAVAILABLE']
const codesOfGate: readonly ErrorCode[] = ['AUTH_TOKEN_MISSING', 'AUTH_TOKEN_INVALID']
const codesOfBody: readonly ErrorCode[] = ['VALIDATION_BODY_TOO_LARGE', 'VALIDATION_CONTENT_TYPE']

/** The OpenAPI 3.1 document of the route table. Schemas are the ones that check requests and (in tests) answers. */
export function openApiDocument(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Json> = {}
  for (const route of routes) (paths[route.path] ??= {})[route.method] = operation(route)
  return {
    openapi: '3.1.0',
    info: {
      title: 'Celeriac',
      version,
      description: 'Distributed task queue and DAG engine for machine-learning pipelines.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: componentSchemas(),
    },
  }
}

function operation(route: Route): Json {
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    ...(route.access === 'token' ? {} : { security: [] }),
    parameters: [
      ...parameters('path', route.params),
      ...parameters('query', route.query),
      ...Object.entries(route.headers ?? {}).map(([name, { description, schema }]) => ({
        name,
        in: 'header',
        required: false,
        description,
        schema: inlineSchema(schema),
      })),
    ],
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: route.body.required,
            content: Object.fromEntries(
              Object.entries(route.body.content).map(([type, schema]) => [
                type,
                { schema: bodySchema(schema) },
              ]),
            ),
          },
        }),
    responses: { ...answers(route), ...errorAnswers(route) },
  }
}

function parameters(place: 'path' | 'query', schema: z.ZodType | undefined): Json[] {
  if (schema === undefined) return []
  const { properties = {}, required = [] } = inlineSchema(schema) as {
    properties?: Record<string, Json>
    required?: string[]
  }
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: property,
  }))
}

const answers = (route: Route): Json =>
  Object.fromEntries(
    Object.entries(route.answers).map(([status, answer]) => [
      status,
      { description: answer.description, content: answerContent(answer) },
    ]),
  )

const answerContent = (answer: AnswerSpec): Json => ({
  [answer.contentType ?? 'application/json']: {
    schema: answer.schema === undefined ? {} : reference(answer.schema),
  },
})

/** Errors by status, each with the codes that it may carry. */
function errorAnswers(route: Route): Json {
  const takesInput = [route.params, route.query, route.body].some((part) => part !== undefined)
  const codes = new Set<ErrorCode>([
    ...route.errors,
    ...(route.access === 'public' ? [] : codesOfGate),
    ...(takesInput ? (['VALIDATION_BODY_INVALID'] as const) : []),
    ...(route.body === undefined ? [] : codesOfBody),
    ...codesOfAll,
  ])
  const byStatus: Record<string, ErrorCode[]> = {}
  for (const code of [...codes].toSorted()) (byStatus[errorCodes[code].status] ??= []).push(code)
  const own = new Set(Object.keys(route.answers))
  return Object.fromEntries(
    Object.entries(byStatus)
      .filter(([status]) => !own.has(status))
      .map(([status, list]) => [
        status,
        {
          description: list.map((code) => `\`${code}\`: ${errorCodes[code].meaning}`).join('\n\n'),
          content: { 'application/problem+json': { schema: reference(problemDetailsSchema) } },
        },
      ]),
  )
}

const refPrefix = '#/components/schemas/'

function reference(schema: z.ZodType): Json {
  const id = httpSchemas.get(schema)?.id
  return id === undefined ? inlineSchema(schema) : { $ref: `${refPrefix}${id}` }
}

function bodySchema(schema: z.ZodType | 'text' | 'binary'): Json {
  if (schema === 'text') return { type: 'string' }
  if (schema === 'binary') return { type: 'string', contentEncoding: 'binary' }
  return reference(schema)
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
    Object.entries(schemas).map(([id, { $schema: _dialect, $id: _id, ...schema }]) => [id, schema]),
  )
}
