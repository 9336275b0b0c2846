import type { IrisTrainingView, IrisTrainState } from '@celeriac/contracts'
import { AppError, type OperatorTask, type RunRecord } from '@celeriac/core'
import type { ArtifactLayout } from '@celeriac/runtime'
import { readClusters } from './read-clusters.ts'
import { clusterPort, clusterStep, irisModel } from './iris-training.ts'

/** A training as the articles' clients poll it. Throws NOT_FOUND_RUN for runs of anything else, NOT_FOUND_OUTPUT. */
export async function irisTrainingView(run: RunRecord, artifacts: ArtifactLayout): Promise<IrisTrainingView> {
  const step = run.plan.operators.find(({ id }) => id === clusterStep)
  if (run.dagName !== irisModel || step === undefined)
    throw new AppError('NOT_FOUND_RUN', 'there is no such training', { details: { run_id: run.id } })
  const status = irisTrainState(run)
  if (status === 'SUCCESS') {
    const table = run.tasks[step.ordinal]?.result?.outputs[String(clusterPort)]
    return { status, result: await readClusters(table?.uri ?? '', artifacts) }
  }
  return { status, result: [], ...(status === 'FAILURE' ? { error: errorOf(run.tasks) } : {}) }
}

/** Celery's word for the state of a run. */
export function irisTrainState({ state, tasks }: Pick<RunRecord, 'state' | 'tasks'>): IrisTrainState {
  switch (state) {
    case 'queued':
      return 'PENDING'
    case 'succeeded':
      return 'SUCCESS'
    case 'failed':
      return 'FAILURE'
    case 'cancelling':
    case 'cancelled':
      return 'REVOKED'
    case 'running':
      if (tasks.some((task) => task.state === 'retry_wait')) return 'RETRY'
      return tasks.some(({ startedAt }) => startedAt !== null) ? 'STARTED' : 'PENDING'
  }
}

/** Of the operator that failed; those behind it have none of their own. */
function errorOf(tasks: readonly OperatorTask[]): NonNullable<IrisTrainingView['error']> {
  const error = tasks.find(({ state }) => state === 'failed')?.error
  return {
    code: error?.code ?? 'TASK_FAILED',
    type: error?.excType ?? null,
    message: error?.message ?? 'the training failed',
    traceback: error?.traceback ?? null,
  }
}
