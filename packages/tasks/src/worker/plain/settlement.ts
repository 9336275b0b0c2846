import {
  afterFailure,
  afterRevoked,
  afterSuccess,
  type EndedTask,
  type TaskFailure,
} from '../../canvas/after-task.ts'
import type { CanvasStep } from '../../canvas/canvas-step.ts'
import type { IsInline } from '../../canvas/errbacks.ts'
import type { CanvasContext } from '../../canvas/freeze.ts'
import { replaceTask } from '../../canvas/replace.ts'
import { afterRetry, type Retry } from '../../canvas/retry.ts'
import type { TaskCall } from '../../message/task-call.ts'
import { TaskRevokedError, TimeLimitExceeded, WorkerLostError } from '../../result/task-errors.ts'
import type { ResultTuple } from '../../result/task-meta.ts'
import type { JobEnd } from '../pool/task-pool.ts'
import { failureOf } from './handler-outcome.ts'
import type { TaskOptions } from './registered-task.ts'

/** How the end of a job ends its task. */
export interface Settlement {
  readonly outcome:
    'succeeded' | 'failed' | 'retried' | 'revoked' | 'ignored' | 'replaced' | 'rejected' | 'returned'
  /** To be carried out, in order, before the message is acknowledged. */
  readonly steps: readonly CanvasStep[]
  readonly acknowledgement: 'ack' | 'reject' | 'requeue'
  readonly failure: TaskFailure | null
}

export interface SettledTask {
  readonly call: TaskCall
  readonly options: TaskOptions
  readonly children: readonly ResultTuple[]
  readonly cameFrom: Retry['cameFrom']
  /** Seconds; what it was allowed to take. */
  readonly timeLimit: number | null
  /** Whether the broker may deliver it again after the loss of its process. */
  readonly mayReturn: boolean
  readonly inheritsPriority: boolean
}

/** @throws AppError TASK_CANVAS_INVALID when what follows cannot be carried out: the task then has failed */
export function settle(
  end: JobEnd,
  task: SettledTask,
  context: CanvasContext,
  isInline: IsInline,
): Settlement {
  switch (end.kind) {
    case 'returned': {
      const steps = afterSuccess(endedTask(task), end.value, context)
      return { outcome: 'succeeded', steps, acknowledgement: 'ack', failure: null }
    }
    case 'failed':
      return failed(end.failure, task, context, isInline)
    case 'retry': {
      const { failure, args, kwargs, options } = end
      const { cameFrom } = task
      const retry = {
        options,
        cameFrom,
        ...(args === undefined ? {} : { args }),
        ...(kwargs === undefined ? {} : { kwargs }),
      }
      const steps = afterRetry(endedTask(task), retry, failure, context)
      return { outcome: 'retried', steps, acknowledgement: 'ack', failure }
    }
    case 'replaced': {
      const { steps } = replaceTask(endedTask(task), end.signature, context)
      return { outcome: 'replaced', steps, acknowledgement: 'ack', failure: null }
    }
    case 'ignored':
      return { outcome: 'ignored', steps: [], acknowledgement: 'ack', failure: null }
    case 'rejected':
      if (end.requeue) return { ...returned, outcome: 'rejected' }
      return {
        ...failed(end.failure, task, context, isInline),
        outcome: 'rejected',
        acknowledgement: 'reject',
      }
    case 'lost':
      if (task.mayReturn) return returned
      return failed(
        failureOf(new WorkerLostError([`Worker exited prematurely: ${end.detail}`])),
        task,
        context,
        isInline,
      )
    case 'killed':
      switch (end.reason) {
        case 'handed_back':
          return returned
        case 'terminated':
          return revoked('terminated', task)
        case 'time_limit':
          return failed(failureOf(new TimeLimitExceeded([task.timeLimit])), task, context, isInline)
      }
  }
}

const returned: Settlement = { outcome: 'returned', steps: [], acknowledgement: 'requeue', failure: null }

export function failed(
  failure: TaskFailure,
  task: SettledTask,
  context: CanvasContext,
  isInline: IsInline,
): Settlement {
  const { options } = task
  const ended = endedTask(task)
  const storesResult = ended.storesResult || options.storeErrorsEvenIfIgnored === true
  const steps = afterFailure({ ...ended, storesResult }, failure, context, isInline)
  return { outcome: 'failed', steps, acknowledgement: 'ack', failure }
}

export function revoked(reason: 'revoked' | 'expired' | 'terminated', task: SettledTask): Settlement {
  const error = new TaskRevokedError([reason])
  const failure = { ...failureOf(error), traceback: null }
  return {
    outcome: 'revoked',
    steps: afterRevoked(endedTask(task), failure),
    acknowledgement: 'ack',
    failure,
  }
}

export const endedTask = ({ call, options, children, inheritsPriority }: SettledTask): EndedTask => ({
  call,
  children,
  storesResult: !call.ignoreResult && options.ignoreResult !== true,
  priority: inheritsPriority ? call.priority : null,
})
