import { errorCodes } from '@celeriac/core'
import { expect, test } from 'vitest'
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

test('every reference leads to a schema of the document', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1])
  expect(references.length).toBeGreaterThan(20)
  for (const reference of new Set(references))
    expect([reference, Object.keys(document.components.schemas)]).toEqual([
      reference,
      expect.arrayContaining([reference!.replace('#/components/schemas/', '')]),
    ])
})

test('guarded routes say that they may answer 401, public ones that they need no token', () => {
  for (const route of routes) {
    const operation = document.paths[route.path][route.method]
    if (route.access === 'token') expect(operation.responses).toHaveProperty('401')
    else expect(operation.security).toEqual([])
  }
})

test('the errors of a route carry their status and meaning', () => {
  const { responses } = document.paths['/api/v1/runs'].post
  expect(responses['422'].description).toContain(errorCodes.VALIDATION_DATASET_MISSING.meaning)
  expect(responses['422'].content['application/problem+json'].schema).toEqual({
    $ref: '#/components/schemas/ProblemDetails',
  })
  expect(responses['409'].description).toContain('CONFLICT_IDEMPOTENCY_KEY')
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
