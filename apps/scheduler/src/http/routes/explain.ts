import {
  explainRunQuerySchema,
  operatorExplanationSchema,
  runExplanationSchema,
  type OperatorExplanationView,
} from '@celeriac/contracts'
import { AppError, isFinalRunState, isFinalTaskState } from '@celeriac/core'
import { explainRun } from '../../explain/explain-run.ts'
import { explainTask } from '../../explain/explain-task.ts'
import type { Reason, TaskExplanation } from '../../explain/explanation.ts'
import type { Facts } from '../../explain/facts.ts'
import { gatherFacts } from '../../explain/gather-facts.ts'
import { runNotFound } from '../../submission/change-run.ts'
import type { ApiDeps } from '../api-deps.ts'
import { defineRoute, type Route } from '../route.ts'
import { isoOf } from '../views/instant.ts'
import { requireRunId } from './operator-task.ts'
import { operatorParams, runParams } from './path-params.ts'

export const explainRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/runs/{id}/explain',
    operationId: 'explainRun',
    tag: 'runs',
    summary: 'Says in words why a run is where it is, and each of its operators that has not ended.',
    description: 'From stored facts, and the fleet as the scheduler that answers sees it.',
    access: 'viewer',
    params: runParams,
    query: explainRunQuerySchema,
    answers: { 200: { description: 'The explanation', schema: runExplanationSchema } },
    errors: ['NOT_FOUND_RUN'],
    async handle({ params, query }, deps) {
      const facts = await factsOf(params.id, deps)
      const { state, summary, reasons, next } = explainRun(facts)
      const ordinals = ordinalsOfInterest(facts)
      const shown = ordinals.slice(0, query.limit)
      return {
        status: 200,
        body: {
          run_id: params.id,
          as_of: isoOf(facts.now),
          state,
          summary,
          reasons: reasons.map(reasonView),
          next,
          operators: shown.map((ordinal) => taskExplanationView(explainTask(facts, ordinal))),
          left_out: ordinals.length - shown.length,
        },
      }
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/runs/{id}/operators/{operator}/explain',
    operationId: 'explainOperator',
    tag: 'runs',
    summary: 'Says in words why an operator task is where it is, and what would move it on.',
    description: 'From stored facts, and the fleet as the scheduler that answers sees it.',
    access: 'viewer',
    params: operatorParams,
    answers: { 200: { description: 'The explanation', schema: operatorExplanationSchema } },
    errors: ['NOT_FOUND_RUN', 'NOT_FOUND_OPERATOR'],
    async handle({ params }, deps) {
      const facts = await factsOf(params.id, deps, params.operator)
      const operator = facts.run.plan.operators.find(({ id }) => id === params.operator)
      if (operator === undefined)
        throw new AppError('NOT_FOUND_OPERATOR', 'the run has no such operator', {
          details: { run_id: params.id, operator_id: params.operator },
        })
      const body: OperatorExplanationView = {
        run_id: params.id,
        as_of: isoOf(facts.now),
        ...taskExplanationView(explainTask(facts, operator.ordinal)),
      }
      return { status: 200, body }
    },
  }),
]

async function factsOf(runId: string, deps: ApiDeps, operatorId?: string): Promise<Facts> {
  requireRunId(runId)
  const facts = await gatherFacts(runId, { ...deps, view: deps.explain }, operatorId)
  if (facts === null) throw runNotFound(runId)
  return facts
}

function ordinalsOfInterest({ run }: Facts): readonly number[] {
  const isOver = isFinalRunState(run.head.state)
  return run.tasks
    .filter(({ state }) => (isOver ? state !== 'succeeded' : !isFinalTaskState(state)))
    .map(({ ordinal }) => ordinal)
}

const reasonView = ({ code, message, details }: Reason) => ({ code, message, details: { ...details } })

const taskExplanationView = (explanation: TaskExplanation) => ({
  operator_id: explanation.operatorId,
  state: explanation.state,
  attempt: explanation.attempt,
  summary: explanation.summary,
  reasons: explanation.reasons.map(reasonView),
  next: explanation.next,
})
