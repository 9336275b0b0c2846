import { isFinalRunState, type EngineEvent, type Run } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { BatchDraft, TaskMove } from './batch-draft.ts'
import type { EngineMetrics } from './metrics.ts'

interface ReportDeps {
  readonly metrics: EngineMetrics
  readonly logger: Logger
}

/** Counts and logs what a batch did. Call once it is in the database: what was not stored did not happen. */
export function reportCommitted(draft: BatchDraft, { metrics, logger }: ReportDeps): void {
  for (const move of draft.moves) {
    metrics.task(move)
    logMove(move, logger)
  }
  for (const { head, acceptedAt } of draft.changedHeads()) {
    if (!isFinalRunState(head.state)) continue
    metrics.runFinished(head, acceptedAt)
    const duration_ms = (head.finishedAt ?? acceptedAt) - acceptedAt
    logger.info({ run_id: head.id, dag_id: head.dagId, state: head.state, duration_ms }, 'run finished')
  }
}

/** A failure is news for the run's user, not a fault of the engine; everything else is detail. */
function logMove({ runId, operator, before, after }: TaskMove, logger: Logger): void {
  if (after.state === before.state) return
  const isFailure = after.state === 'failed' || after.state === 'retry_wait'
  if (!isFailure && !logger.isLevelEnabled('debug')) return
  const fields = {
    run_id: runId,
    operator_id: operator.id,
    attempt: after.attempt,
    task_id: after.attemptId,
    worker: after.worker,
  }
  if (isFailure) {
    const message = after.state === 'failed' ? 'operator failed' : 'attempt failed; it will be tried again'
    logger.info({ ...fields, code: after.error?.code }, message)
  } else logger.debug({ ...fields, from: before.state, state: after.state }, 'operator task moved')
}

/** How the log names what an event is about: a run, or an attempt of one of its operators. */
export function eventFields(run: Run, event: EngineEvent): Readonly<Record<string, unknown>> {
  if (!('ordinal' in event)) return { run_id: run.head.id }
  const { ordinal, attempt } = event
  return { run_id: run.head.id, operator_id: run.plan.operators[ordinal]?.id, attempt }
}
