import type { EngineEvent } from './engine-event.ts'
import type { OperatorTask } from './run.ts'
import type { RunDraft } from './run-draft.ts'
import { staleness, type IgnoredWhy } from './staleness.ts'

/** New attempts that an operator task gets for workers that were lost with it; at the next loss it has failed. */
export const maxWorkerLosses = 5

/**
 * The worker is lost. What it held by an unacked delivery, the broker hands to another worker: the same attempt waits in
 * its queue again. What it held by its lease alone nobody has any more: a new attempt, which costs no retry, but only so
 * often: it may be what kills its workers.
 */
export function onLeaseExpired(
  draft: RunDraft,
  task: OperatorTask,
  attempt: number,
  worker: string,
): IgnoredWhy | null {
  const why = staleness(task, attempt)
  if (why !== null) return why
  if (task.state !== 'running' || task.worker !== worker) return 'duplicate'
  const error = {
    code: 'TASK_WORKER_LOST',
    message: `the worker ${worker} did not renew its lease of the attempt`,
  } as const
  // What was to be stopped has ended with its worker, or is told so when that comes back.
  if (draft.head.state === 'cancelling') draft.finish(task, 'cancelled', { error })
  else if (!task.isLeased)
    draft.move(task, { state: 'queued', worker: null, startedAt: null, progress: null })
  else if (task.losses >= maxWorkerLosses) draft.finish(task, 'failed', { error })
  else {
    draft.archive({ ...task, error })
    draft.makeReady({ ...task, losses: task.losses + 1 })
  }
  if (task.isLeased && task.attemptId !== null)
    draft.effects.push({ type: 'revoke', attemptIds: [task.attemptId] })
  return null
}

/** Its delivery is acked, so the broker cannot hand it on: a new attempt. */
export function onReturned(
  draft: RunDraft,
  task: OperatorTask,
  { attempt, worker }: Extract<EngineEvent, { type: 'returned' }>,
): IgnoredWhy | null {
  const why = staleness(task, attempt)
  if (why !== null) return why
  // The broker still has its delivery, or another worker holds it meanwhile.
  if (!task.isLeased) return 'duplicate'
  if (worker !== null && task.worker !== null && worker !== task.worker) return 'stale_attempt'
  const error = {
    code: 'TASK_WORKER_STOPPED',
    message: 'the worker stopped and gave the attempt back',
  } as const
  if (draft.head.state === 'cancelling') draft.finish(task, 'cancelled', { error })
  else {
    draft.archive({ ...task, error })
    draft.makeReady(task)
  }
  return null
}
