import {
  irisBodySchema,
  irisListSchema,
  irisPatchSchema,
  irisSchema,
  type IrisPatch,
} from '@celeriac/contracts'
import { z } from 'zod'
import { articlesForm } from '../../iris/articles-form.ts'
import { irisChange, irisIdOf, irisNotFound, irisView, maxIrisRows, newIris } from '../../iris/iris-rows.ts'
import type { ApiDeps } from '../api-deps.ts'
import { jsonBody } from '../body-readers.ts'
import { fieldProblem, invalidInput } from '../check-input.ts'
import { defineRoute, type Route, type RouteAnswer } from '../route.ts'

const form = { tag: 'articles', errorForm: articlesForm } as const
const list = { ...form, path: '/api/iris/', alsoAt: ['/api/iris.json'] } as const
const one = {
  ...form,
  path: '/api/iris/{id}/',
  // Whatever is no number of a row is the number of none: 404, as in the articles.
  params: z.object({ id: z.string().describe('Number of the row; `.json` may follow.') }),
} as const
const targetOf = ({ id }: Readonly<Record<string, unknown>>): number | null =>
  typeof id === 'string' ? irisIdOf(id) : null
const theRow = { description: 'The row', schema: irisSchema }

export const irisRoutes: readonly Route[] = [
  defineRoute({
    ...list,
    method: 'get',
    operationId: 'listIris',
    summary: 'All rows of the iris table, oldest first.',
    description: `There are no pages: the table takes ${maxIrisRows} rows at most.`,
    access: 'viewer',
    answers: { 200: { description: 'The rows', schema: irisListSchema } },
    errors: [],
    async handle(_input, { store }) {
      return { status: 200, body: (await store.listIris()).map(irisView) }
    },
  }),
  defineRoute({
    ...list,
    method: 'post',
    operationId: 'createIris',
    summary: 'Adds a row to the iris table.',
    access: 'editor',
    audit: { action: 'iris.create', target: (_params, { id }) => id },
    body: jsonBody(irisBodySchema),
    answers: { 201: theRow },
    errors: [],
    async handle({ body }, { store }) {
      const row = await store.createIris(newIris(body), { maxRows: maxIrisRows })
      if (row !== null) return { status: 201, body: irisView(row) }
      throw invalidInput('the table is full', [
        fieldProblem(
          'body',
          `The table holds ${maxIrisRows} rows, which is the most it may; delete some first.`,
        ),
      ])
    },
  }),
  defineRoute({
    ...one,
    method: 'get',
    operationId: 'getIris',
    summary: 'A row of the iris table.',
    access: 'viewer',
    answers: { 200: theRow },
    errors: ['NOT_FOUND_IRIS'],
    async handle({ params }, { store }) {
      const row = await store.findIris(irisIdOf(params.id))
      if (row === null) throw irisNotFound()
      return { status: 200, body: irisView(row) }
    },
  }),
  defineRoute({
    ...one,
    method: 'put',
    operationId: 'putIris',
    summary: 'Changes a row of the iris table; a category that is not given stays.',
    access: 'editor',
    audit: { action: 'iris.update', target: targetOf },
    body: jsonBody(irisBodySchema),
    answers: { 200: theRow },
    errors: ['NOT_FOUND_IRIS'],
    handle: ({ params, body }, deps) => change(params.id, body, deps),
  }),
  defineRoute({
    ...one,
    method: 'patch',
    operationId: 'patchIris',
    summary: 'Changes a row of the iris table; what is not given stays.',
    access: 'editor',
    audit: { action: 'iris.update', target: targetOf },
    body: jsonBody(irisPatchSchema),
    answers: { 200: theRow },
    errors: ['NOT_FOUND_IRIS'],
    handle: ({ params, body }, deps) => change(params.id, body, deps),
  }),
  defineRoute({
    ...one,
    method: 'delete',
    operationId: 'deleteIris',
    summary: 'Removes a row of the iris table.',
    access: 'editor',
    audit: { action: 'iris.delete', target: targetOf },
    answers: { 204: { description: 'It is gone' } },
    errors: ['NOT_FOUND_IRIS'],
    async handle({ params }, { store }) {
      if (!(await store.deleteIris(irisIdOf(params.id)))) throw irisNotFound()
      return { status: 204 }
    },
  }),
]

async function change(id: string, given: IrisPatch, { store }: Pick<ApiDeps, 'store'>): Promise<RouteAnswer> {
  const row = await store.updateIris(irisChange(irisIdOf(id), given))
  if (row === null) throw irisNotFound()
  return { status: 200, body: irisView(row) }
}
