import { AppError, type OperatorTaskRecord } from '@celeriac/core'
import { runNotFound } from '../../submission/change-run.ts'
import type { ApiDeps } from '../api-deps.ts'

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Whether a text can be the id of a run. */
export const isRunId = (id: string): boolean => uuidPattern.test(id)

/** Throws NOT_FOUND_RUN for what cannot be the id of a run, before the database is asked. */
export function requireRunId(id: string): void {
  if (!isRunId(id)) throw runNotFound(id)
}

/**
 * The operator is looked up in the run's plan, so an id from a URL never becomes part of a path by itself.
 * Throws NOT_FOUND_RUN, NOT_FOUND_OPERATOR.
 */
export async function findOperatorTask(
  params: { readonly id: string; readonly operator: string },
  { store }: Pick<ApiDeps, 'store'>,
): Promise<OperatorTaskRecord> {
  requireRunId(params.id)
  const found = await store.findOperatorTask({ runId: params.id, operatorId: params.operator })
  if (found !== null) return found
  if ((await store.findRunHead(params.id)) === null) throw runNotFound(params.id)
  throw new AppError('NOT_FOUND_OPERATOR', 'the run has no such operator', {
    details: { run_id: params.id, operator_id: params.operator },
  })
}
