import { AppError, isAppError } from '@celeriac/core'
import {
  dagPageSchema,
  dagSchema,
  pageQuerySchema,
  registeredDagSchema,
  validationSchema,
  type ValidationView,
} from '@celeriac/contracts'
import { checkDocument } from '../../submission/check-document.ts'
import { registerDocument } from '../../submission/register-document.ts'
import { documentBody, uncheckedDocumentBody, type DocumentBody } from '../body-readers.ts'
import type { ApiDeps } from '../api-deps.ts'
import { problemDetailsOf } from '../problem-details.ts'
import { defineRoute, type Route } from '../route.ts'
import { dagSummaryView, dagView } from '../views/dag-view.ts'
import { given, pageView } from '../views/page-view.ts'
import { dagNameQuery, dagParams, dagVersionParams } from './path-params.ts'

const location = 'The DAG version'

export const dagRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/dags',
    operationId: 'registerDag',
    tag: 'dags',
    summary:
      'Registers a DAG document as an immutable version; the same content again gives the same version.',
    access: 'editor',
    audit: { action: 'dag.register', target: (_params, { name }) => name },
    query: dagNameQuery,
    body: documentBody,
    answers: {
      201: { description: 'A new version', schema: registeredDagSchema, location },
      200: {
        description: 'The version that already had this content',
        schema: registeredDagSchema,
        location,
      },
    },
    errors: ['VALIDATION_DAG_INVALID', 'CONFLICT_SCHEDULE_EXISTS'],
    async handle({ query, body }, deps) {
      const name = query.name ?? body.name
      const { version, isNew, warnings } = await registerDocument(body.source, name, deps)
      return {
        status: isNew ? 201 : 200,
        headers: { location: `/api/v1/dags/${version.dagId}/versions/${version.version}` },
        body: {
          ...dagSummaryView(version),
          is_new: isNew,
          operator_count: version.plan.operators.length,
          warnings,
        },
      }
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/dags/validate',
    operationId: 'validateDag',
    tag: 'dags',
    summary: 'Checks a DAG document and lists every problem; stores nothing.',
    access: 'viewer',
    body: uncheckedDocumentBody,
    answers: { 200: { description: 'The verdict, good or bad', schema: validationSchema } },
    errors: [],
    handle: ({ body }, deps) => ({ status: 200, body: validate(body, deps) }),
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/dags',
    operationId: 'listDags',
    tag: 'dags',
    summary: 'Lists DAGs, newest version each, newest first.',
    access: 'viewer',
    query: pageQuerySchema,
    answers: { 200: { description: 'A page of DAGs', schema: dagPageSchema } },
    errors: [],
    async handle({ query }, { store }) {
      return { status: 200, body: pageView(await store.listDags(given(query)), dagSummaryView) }
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/dags/{id}',
    operationId: 'getDag',
    tag: 'dags',
    summary: 'The newest version of a DAG, by id or name.',
    access: 'viewer',
    params: dagParams,
    answers: { 200: { description: 'The DAG version', schema: dagSchema } },
    errors: ['NOT_FOUND_DAG'],
    async handle({ params }, deps) {
      return { status: 200, body: dagView(await findDag({ idOrName: params.id }, deps)) }
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/dags/{id}/versions/{version}',
    operationId: 'getDagVersion',
    tag: 'dags',
    summary: 'One version of a DAG, by id or name.',
    access: 'viewer',
    params: dagVersionParams,
    answers: { 200: { description: 'The DAG version', schema: dagSchema } },
    errors: ['NOT_FOUND_DAG'],
    async handle({ params }, deps) {
      const dag = await findDag({ idOrName: params.id, version: params.version }, deps)
      return { status: 200, body: dagView(dag) }
    },
  }),
]

/** Throws NOT_FOUND_DAG. */
export async function findDag(
  query: { readonly idOrName: string; readonly version?: number },
  { store }: Pick<ApiDeps, 'store'>,
) {
  const dag = await store.findDagVersion(query)
  if (dag !== null) return dag
  throw new AppError('NOT_FOUND_DAG', 'there is no such DAG or DAG version', {
    details: { dag: query.idOrName, version: query.version ?? null },
  })
}

function validate(body: DocumentBody, { algorithms, topology }: ApiDeps): ValidationView {
  try {
    const executors = topology.operatorExecutors
    const { dag, warnings } = checkDocument(body.source, { algorithms, executors, name: body.name })
    return { valid: true, name: dag.name, operator_count: dag.plan.operators.length, problems: [...warnings] }
  } catch (error) {
    if (!isAppError(error) || error.code !== 'VALIDATION_DAG_INVALID') throw error
    const { problems } = problemDetailsOf(error, '')
    return { valid: false, name: null, operator_count: 0, problems: problems ?? [] }
  }
}
