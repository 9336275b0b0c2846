/**
 * A run seen as one task: Celery's states, and how far it has come.
 *
 * Every stage (operator) counts as one, however long it takes; a running one counts by what its operator reports of
 * itself (40 of 100 trees: 0.4). What an attempt had done is taken back when it fails, because it is done again. So the
 * number falls only when work is lost; it says how many stages are left, not how much time.
 */
import { isFinalTaskState, isInFlightTaskState, type OperatorTaskState, type RunState } from '@celeriac/core'
import type { TaskNewsView, TaskStageView, TaskState } from '@celeriac/contracts'

export interface RunStatus {
  readonly id: string
  readonly state: RunState
  /** False: it waits in the database until other runs have ended. */
  readonly isAdmitted: boolean
}

const endStates = { succeeded: 'SUCCESS', failed: 'FAILURE', cancelled: 'REVOKED' } as const

/** Final without having done anything wrong; what was cancelled or failed is not done. */
const doneStates: ReadonlySet<OperatorTaskState> = new Set(['succeeded', 'skipped'])

/** A task that has not succeeded is not done, though its last stage may have told that it is. */
const mostShare = 0.9999

export type TaskStatus = Omit<TaskNewsView, 'stage'>

export function taskStatus(run: RunStatus, stages: readonly TaskStageView[]): TaskStatus {
  const state = taskState(run, stages)
  const total = stages.length
  const done =
    state === 'SUCCESS'
      ? total
      : Math.min(
          total * mostShare,
          stages.reduce((sum, stage) => sum + shareOf(stage), 0),
        )
  return {
    id: run.id,
    state,
    is_cancelling: run.state === 'cancelling',
    progress: {
      n: rounded(done, 4),
      total,
      percent: state === 'SUCCESS' ? 100 : rounded((100 * done) / Math.max(1, total), 2),
      message: messageOf(state, stages),
    },
  }
}

function taskState(run: RunStatus, stages: readonly TaskStageView[]): TaskState {
  if (run.state === 'succeeded' || run.state === 'failed' || run.state === 'cancelled')
    return endStates[run.state]
  if (run.state === 'queued') return run.isAdmitted ? 'QUEUED' : 'PENDING'
  const isRunning = stages.some(({ state }) => state === 'running')
  const isWaiting = stages.some(({ state }) => state === 'retry_wait')
  if (!isRunning && isWaiting && !stages.some(({ state }) => isInFlightTaskState(state))) return 'RETRY'
  if (stages.some((stage) => shareOf(stage) > 0)) return 'PROGRESS'
  return isRunning || isWaiting || stages.some(({ state }) => isFinalTaskState(state)) ? 'STARTED' : 'QUEUED'
}

/** Between 0 and 1: the part of a stage that is done. */
export function shareOf({ state, progress }: Pick<TaskStageView, 'state' | 'progress'>): number {
  if (doneStates.has(state)) return 1
  if (state !== 'running' || progress === null || progress.total <= 0) return 0
  return Math.min(1, Math.max(0, progress.n / progress.total))
}

/** What the stage says that is being worked on: of several the one that has come farthest in the document. */
function messageOf(state: TaskState, stages: readonly TaskStageView[]): string {
  const shown =
    stages.findLast((stage) => stage.state === 'running') ??
    stages.find((stage) => stage.state === 'failed') ??
    stages.find((stage) => stage.state === 'retry_wait')
  if (state === 'SUCCESS' || shown === undefined) return ''
  const said = shown.state === 'running' ? (shown.progress?.message ?? '') : shown.state
  return said === '' ? shown.id : `${shown.id}: ${said}`
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits))
