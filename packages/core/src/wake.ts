import type { EngineEvent } from './engine-event.ts'
import type { Instant } from './json.ts'
import type { OperatorTask, Run, RunHead } from './run.ts'

/** An event that the engine owes a run at a later time. A wake that has become stale is ignored by `advance`. */
export interface Wake {
  readonly at: Instant
  readonly event: EngineEvent
}

/** Time beyond an attempt's limit after which the engine stops waiting for the worker to enforce it. */
export const deadlineGraceMs = 30_000

/**
 * How long the engine waits for the end of a plain task that has no time limit: its worker may be one that never tells
 * of a loss, and a run must not wait for it for ever. A day, in milliseconds.
 */
export const defaultPlainTaskTimeoutMs = 86_400_000

/** When a task must be looked at again without a message; null when only a message can move it. */
export function wakeOfTask(run: Pick<Run, 'plan'>, task: OperatorTask): Wake | null {
  const { ordinal, attempt } = task
  if (task.state === 'retry_wait' && task.retryAt !== null)
    return { at: task.retryAt, event: { type: 'retry_due', ordinal, attempt } }
  const operator = run.plan.operators[ordinal]
  const isPlainTask = operator?.task !== undefined
  const timeoutMs = operator?.timeoutMs ?? (isPlainTask ? defaultPlainTaskTimeoutMs : null)
  const since = timedSince(task, isPlainTask)
  if (timeoutMs === null || since === null) return null
  return { at: since + timeoutMs + deadlineGraceMs, event: { type: 'deadline_passed', ordinal, attempt } }
}

/**
 * From when the time limit counts. Most Celery workers report no start, so a plain task is timed from when it became
 * ready, until a start is reported.
 */
function timedSince({ state, startedAt, readyAt }: OperatorTask, isPlainTask: boolean): Instant | null {
  if (state === 'running') return startedAt
  return isPlainTask && state === 'queued' ? readyAt : null
}

export const wakeOfRun = (head: RunHead): Wake | null =>
  head.cancelDeadlineAt === null ? null : { at: head.cancelDeadlineAt, event: { type: 'cancel_deadline' } }
