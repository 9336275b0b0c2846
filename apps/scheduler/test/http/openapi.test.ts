import { Validator } from '@seriousme/openapi-schema-validator'
import { namedSchemas, parseDagDocument } from '@celeriac/contracts'
import { errorCodes, isRole } from '@celeriac/core'
import { builtinAlgorithmsDir, loadAlgorithms } from '@celeriac/runtime'
import { expect, test } from 'vitest'
import { schemaExamples } from '../../src/http/openapi-examples.ts'
import { openApiDocument } from '../../src/http/openapi.ts'
import { routes } from '../../src/http/routes/index.ts'

// oxlint-disable-next-line typescript/no-explicit-any
const document = openApiDocument(routes, '1.2.3') as any

test('every route of the table is described, and nothing else', () => {
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method} ${path}`),
  )
  expect(described.toSorted()).toEqual(routes.map((route) => `${route.method} ${route.path}`).toSorted())
})

test('operation ids and pairs of method and path are unique', () => {
  expect(new Set(routes.map((route) => route.operationId)).size).toBe(routes.length)
  expect(new Set(routes.map((route) => `${route.method} ${route.path}`)).size).toBe(routes.length)
})

test('every parameter in a path is declared', () => {
  for (const route of routes) {
    const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
    const declared = document.paths[route.path][route.method].parameters
      .filter((parameter: { in: string }) => parameter.in === 'path')
      .map((parameter: { name: string }) => parameter.name)
    expect([route.path, declared.toSorted()]).toEqual([route.path, inPath.toSorted()])
  }
})

test('the document is OpenAPI 3.1', async () => {
  const validator = new Validator()
  expect(await validator.validate(structuredClone(document))).toEqual({ valid: true })
  expect(validator.version).toBe('3.1')
})

test('every reference leads to a part of the document', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map((match) => match[1]!)
  expect(references.length).toBeGreaterThan(20)
  for (const reference of new Set(references))
    expect(
      reference.split('/').reduce((part, key) => part?.[key], document),
      reference,
    ).toBeDefined()
})

test('every named schema has an example that fits it', () => {
  const named = Object.keys(document.components.schemas)
  expect(Object.keys(schemaExamples).toSorted()).toEqual(named.toSorted())
  for (const [id, schema] of namedSchemas) {
    expect(schema.safeParse(schemaExamples[id]).error, id).toBeUndefined()
    expect(document.components.schemas[id].examples).toEqual([schemaExamples[id]])
  }
})

test('the example of a DAG document is one', async () => {
  const algorithms = await loadAlgorithms([builtinAlgorithmsDir()])
  const { content } = document.paths['/api/v1/runs'].post.requestBody
  expect(Object.keys(content)).toContain('application/yaml')
  for (const [type, { example }] of Object.entries<{ example?: object }>(content)) {
    if (type === 'application/json') continue
    expect(parseDagDocument(JSON.stringify(example), { algorithms }), type).toMatchObject({ ok: true })
  }
})

test('everything says what it is', () => {
  const tags = document.tags.map((tag: { name: string }) => tag.name)
  for (const methods of Object.values<object>(document.paths))
    for (const operation of Object.values(methods)) {
      expect(tags).toContain(operation.tags[0])
      expect(operation.summary).toMatch(/^[A-Z].*\.$/)
      for (const parameter of operation.parameters)
        expect([operation.operationId, parameter.name, parameter.description]).toEqual([
          operation.operationId,
          parameter.name,
          expect.stringMatching(/\S/),
        ])
      for (const answer of Object.values<{ description: string; headers: object }>(operation.responses)) {
        expect(answer.description).toMatch(/\S/)
        expect(answer.headers).toHaveProperty('X-Request-Id')
      }
    }
})

test('guarded routes say that they may answer 401, public ones that they need no token', () => {
  for (const route of routes) {
    const operation = document.paths[route.path][route.method]
    if (isRole(route.access)) {
      for (const status of ['401', '403']) expect(operation.responses).toHaveProperty(status)
      expect(operation['x-least-role']).toBe(route.access)
    } else expect(operation.security).toEqual(route.access === 'public' ? [] : [{}, { token: [] }])
  }
})

test('every route that changes something says how that is recorded', () => {
  const recordedByService = [
    'register',
    'login',
    'logout',
    'logoutAll',
    'changePassword',
    'createToken',
    'revokeToken',
    'createUser',
    'patchUser',
    'registerArticles',
    'loginArticles',
    'renewArticlesToken',
    'logoutArticles',
    'logoutAllArticles',
  ]
  const changesNothing = [
    'validateDag',
    'predict',
    'v2Infer',
    'v2InferVersion',
    'v2Index',
    'invocations',
    'invokeModel',
    'predictIris',
  ]
  expect(
    routes
      .filter(({ method, audit }) => method !== 'get' && audit === undefined)
      .map(({ operationId }) => operationId)
      .toSorted(),
  ).toEqual([...recordedByService, ...changesNothing].toSorted())
})

test('the errors of a route carry their status and meaning', () => {
  const { responses } = document.paths['/api/v1/runs'].post
  expect(responses['422'].description).toContain(errorCodes.VALIDATION_DATASET_MISSING.meaning)
  expect(responses['422'].content['application/problem+json'].schema).toEqual({
    $ref: '#/components/schemas/ProblemDetails',
  })
  expect(responses['409'].description).toContain('CONFLICT_IDEMPOTENCY_KEY')
})

test('every answer that asks for patience says for how long', () => {
  let seen = 0
  for (const route of routes) {
    const { responses } = document.paths[route.path][route.method]
    for (const status of ['429', '503', '507']) {
      if (responses[status] === undefined) continue
      expect(responses[status].headers).toHaveProperty('Retry-After')
      seen += 1
    }
    if (route.takesWork === true)
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(['503', '507']))
  }
  expect(seen).toBeGreaterThan(routes.length)
})

test('headers and query parameters are described', () => {
  const { parameters } = document.paths['/api/v1/datasets'].post
  expect(parameters.map((parameter: { name: string }) => parameter.name)).toEqual([
    'id',
    'name',
    'rename',
    'format',
    'replace',
  ])
  expect(document.paths['/api/v1/runs'].post.parameters).toContainEqual(
    expect.objectContaining({ name: 'Idempotency-Key', in: 'header', required: false }),
  )
})
