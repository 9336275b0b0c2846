import {
  finalRunStates,
  operatorTaskStates,
  runStates,
  type OperatorTask,
  type RunHead,
} from '@celeriac/core'

/**
 * The CHECK constraints of the tables (packages/store/src/schema), written once more: the conformance suite holds both to
 * the same cases. Null: the row may be stored; else the name of the constraint that refuses it.
 */
export function refusedTask(task: OperatorTask): string | null {
  const { state, attempt, attemptId } = task
  const isFinal = ['succeeded', 'failed', 'cancelled', 'skipped', 'upstream_failed'].includes(state)
  const isInFlight = ['ready', 'queued', 'running'].includes(state)
  const checks: Readonly<Record<string, boolean>> = {
    operator_tasks_state: operatorTaskStates.includes(state),
    operator_tasks_finished_at: (task.finishedAt !== null) === isFinal,
    operator_tasks_retry_at: (task.retryAt !== null) === (state === 'retry_wait'),
    operator_tasks_attempt_id: !isInFlight || (attempt >= 1 && attemptId !== null),
    operator_tasks_started_at: state !== 'running' || task.startedAt !== null,
    operator_tasks_result: state !== 'succeeded' || task.result !== null,
    operator_tasks_error: state !== 'failed' || task.error !== null,
    operator_tasks_counts: task.ordinal >= 0 && attempt >= 0 && task.retries >= 0,
    operator_tasks_losses: task.losses >= 0,
  }
  return firstBroken(checks)
}

export function refusedRun(head: RunHead): string | null {
  const { state } = head
  const checks: Readonly<Record<string, boolean>> = {
    runs_state: runStates.includes(state),
    runs_finished_at: (head.finishedAt !== null) === (finalRunStates as readonly string[]).includes(state),
    runs_cancel_deadline_at: (head.cancelDeadlineAt !== null) === (state === 'cancelling'),
    runs_started_at: state !== 'queued' || head.startedAt === null,
    runs_version: head.version >= 1,
    runs_partition: head.partition >= 0,
  }
  return firstBroken(checks)
}

const firstBroken = (checks: Readonly<Record<string, boolean>>): string | null => {
  for (const name in checks) if (checks[name] === false) return name
  return null
}
