import {
  createRunBodySchema,
  runPageSchema,
  runSchema,
  runsQuerySchema,
  submittedRunSchema,
  type ProblemView,
} from '@celeriac/contracts'
import { nameOf } from '../../accounts/caller.ts'
import { registerDocument } from '../../submission/register-document.ts'
import { runNotFound } from '../../submission/change-run.ts'
import { submitRun, type Submission } from '../../submission/submit-run.ts'
import type { ApiDeps } from '../api-deps.ts'
import { documentBody, jsonBody } from '../body-readers.ts'
import { defineRoute, type Route, type RouteAnswer } from '../route.ts'
import { given, pageView } from '../views/page-view.ts'
import { runHeadView, runSummaryView, runView } from '../views/run-view.ts'
import { findDag } from './dags.ts'
import { idempotencyHeader, idempotencyKeyOf } from './idempotency-key.ts'
import { requireRunId } from './operator-task.ts'
import { dagNameQuery, dagParams, runParams } from './path-params.ts'

const submitted = { description: 'The run was accepted', schema: submittedRunSchema, location: 'The run' }

export const runRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/runs',
    operationId: 'submitRun',
    tag: 'runs',
    summary: 'Registers a DAG document and runs it.',
    access: 'editor',
    audit: { action: 'run.submit', target: (_params, { id }) => id },
    query: dagNameQuery,
    headers: idempotencyHeader,
    body: documentBody,
    answers: { 202: submitted },
    errors: [
      'VALIDATION_DAG_INVALID',
      'VALIDATION_DATASET_MISSING',
      'CONFLICT_IDEMPOTENCY_KEY',
      'CONFLICT_SCHEDULE_EXISTS',
      'LIMIT_OPEN_RUNS',
    ],
    takesWork: true,
    async handle({ query, body, headers, caller }, deps) {
      const idempotencyKey = idempotencyKeyOf(headers)
      const name = query.name ?? body.name
      const { version, warnings } = await registerDocument(body.source, name, deps)
      const submittedBy = nameOf(caller)
      return submit({ dag: version, idempotencyKey, isVersionExplicit: true, submittedBy }, warnings, deps)
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/dags/{id}/runs',
    operationId: 'runDag',
    tag: 'runs',
    summary: 'Runs a registered DAG, by id or name; its newest version unless the body names one.',
    access: 'editor',
    audit: { action: 'run.submit', target: (_params, { id }) => id },
    params: dagParams,
    headers: idempotencyHeader,
    body: jsonBody(createRunBodySchema, { optional: true }),
    answers: { 202: submitted },
    errors: ['NOT_FOUND_DAG', 'VALIDATION_DATASET_MISSING', 'CONFLICT_IDEMPOTENCY_KEY', 'LIMIT_OPEN_RUNS'],
    takesWork: true,
    async handle({ params, body, headers, caller }, deps) {
      const idempotencyKey = idempotencyKeyOf(headers)
      const { version } = body
      const dag = await findDag({ idOrName: params.id, ...(version === undefined ? {} : { version }) }, deps)
      const submittedBy = nameOf(caller)
      return submit({ dag, idempotencyKey, isVersionExplicit: version !== undefined, submittedBy }, [], deps)
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/runs',
    operationId: 'listRuns',
    tag: 'runs',
    summary: 'Lists runs, newest first.',
    access: 'viewer',
    query: runsQuerySchema,
    answers: { 200: { description: 'A page of runs', schema: runPageSchema } },
    errors: [],
    async handle({ query }, { store }) {
      return { status: 200, body: pageView(await store.listRuns(given(query)), runSummaryView) }
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/runs/{id}',
    operationId: 'getRun',
    tag: 'runs',
    summary: 'A run with its operator tasks.',
    access: 'viewer',
    params: runParams,
    answers: { 200: { description: 'The run', schema: runSchema } },
    errors: ['NOT_FOUND_RUN'],
    async handle({ params }, deps) {
      return { status: 200, body: await readRun(params.id, deps) }
    },
  }),
]

/** The run as clients see it. Throws NOT_FOUND_RUN. */
export async function readRun(runId: string, { store }: Pick<ApiDeps, 'store'>) {
  requireRunId(runId)
  const [run, attempts] = await Promise.all([store.findRun(runId), store.listAttempts(runId)])
  if (run === null) throw runNotFound(runId)
  return runView(run, attempts)
}

async function submit(
  submission: Submission,
  warnings: readonly ProblemView[],
  deps: ApiDeps,
): Promise<RouteAnswer> {
  const { head, isNew } = await submitRun(submission, deps)
  return {
    status: 202,
    headers: { location: `/api/v1/runs/${head.id}` },
    body: {
      ...runHeadView(head, submission.dag.name),
      is_new: isNew,
      operator_count: submission.dag.plan.operators.length,
      warnings,
    },
  }
}
