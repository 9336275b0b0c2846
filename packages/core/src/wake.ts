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

/** When a task must be looked at again without a message; null when only a message can move it. */
export function wakeOfTask(run: Pick<Run, 'plan'>, task: OperatorTask): Wake | null {
  const { ordinal, attempt } = task
  if (task.state === 'retry_wait' && task.retryAt !== null)
    return { at: task.retryAt, event: { type: 'retry_due', ordinal, attempt } }
  const timeoutMs = run.plan.operators[ordinal]?.timeoutMs ?? null
  if (task.state === 'running' && timeoutMs !== null && task.startedAt !== null)
    return {
      at: task.startedAt + timeoutMs + deadlineGraceMs,
      event: { type: 'deadline_passed', ordinal, attempt },
    }
  return null
}

export const wakeOfRun = (head: RunHead): Wake | null =>
  head.cancelDeadlineAt === null ? null : { at: head.cancelDeadlineAt, event: { type: 'cancel_deadline' } }
