import { AppError, type OperatorTask, type PlanOperator } from '@celeriac/core'
import { z } from 'zod'
import { runNotFound } from '../../submission/change-run.ts'
import type { ApiDeps } from '../api-deps.ts'
import { pathText } from './path-text.ts'

export const runParams = z.object({ id: pathText })
export const operatorParams = runParams.extend({ operator: pathText })

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Throws NOT_FOUND_RUN for what cannot be the id of a run, before the database is asked. */
export function requireRunId(id: string): void {
  if (!uuidPattern.test(id)) throw runNotFound(id)
}

/** The operator is looked up in the run's plan, so an id from a URL never becomes part of a path by itself. */
export async function findOperatorTask(
  params: { readonly id: string; readonly operator: string },
  { store }: Pick<ApiDeps, 'store'>,
): Promise<{ readonly operator: PlanOperator; readonly task: OperatorTask }> {
  requireRunId(params.id)
  const run = await store.findRun(params.id)
  if (run === null) throw runNotFound(params.id)
  const operator = run.plan.operators.find((candidate) => candidate.id === params.operator)
  const task = operator === undefined ? undefined : run.tasks[operator.ordinal]
  if (operator !== undefined && task !== undefined) return { operator, task }
  throw new AppError('NOT_FOUND_OPERATOR', 'the run has no such operator', {
    details: { run_id: params.id, operator_id: params.operator },
  })
}
