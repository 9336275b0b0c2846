import { rerunBodySchema, runSchema } from '@celeriac/contracts'
import { requestCancel, requestRerun } from '../../submission/change-run.ts'
import { jsonBody } from '../body-readers.ts'
import { defineRoute, type Route } from '../route.ts'
import { requireRunId } from './operator-task.ts'
import { runParams } from './path-params.ts'
import { readRun } from './runs.ts'

const accepted = { description: 'Accepted; the run as it is now', schema: runSchema, location: 'The run' }

export const runChangeRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/runs/{id}/cancel',
    operationId: 'cancelRun',
    tag: 'runs',
    summary: 'Cancels a run: stops what is running, starts nothing more. Cancelling twice is no error.',
    access: 'editor',
    audit: { action: 'run.cancel', target: ({ id }) => id },
    params: runParams,
    answers: { 202: accepted },
    errors: ['NOT_FOUND_RUN', 'CONFLICT_RUN_FINISHED', 'BROKER_UNAVAILABLE'],
    async handle({ params }, deps) {
      requireRunId(params.id)
      await requestCancel(params.id, deps)
      return changed(params.id, await readRun(params.id, deps))
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/runs/{id}/rerun',
    operationId: 'rerunRun',
    tag: 'runs',
    summary: 'Runs a finished run again, from what failed or from an operator; the rest keeps its outputs.',
    access: 'editor',
    audit: { action: 'run.rerun', target: ({ id }) => id },
    params: runParams,
    body: jsonBody(rerunBodySchema, { optional: true }),
    answers: { 202: accepted },
    errors: ['NOT_FOUND_RUN', 'NOT_FOUND_OPERATOR', 'CONFLICT_RUN_ACTIVE', 'CONFLICT_RUN_FINISHED'],
    takesWork: true,
    async handle({ params, body }, deps) {
      requireRunId(params.id)
      await requestRerun({ runId: params.id, from: body.from, only: body.only }, deps)
      return changed(params.id, await readRun(params.id, deps))
    },
  }),
]

const changed = (runId: string, body: unknown) => ({
  status: 202,
  headers: { location: `/api/v1/runs/${runId}` },
  body,
})
