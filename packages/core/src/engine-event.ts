import type { Instant } from './json.ts'
import type { TaskFailure, TaskProgress, TaskResult } from './run.ts'
import type { OperatorTaskState } from './states.ts'

/** What can happen to a run. Events about an attempt carry its number; another number than the current is stale. */
export type EngineEvent =
  | { readonly type: 'run_created' }
  | { readonly type: 'cancel_requested' }
  | { readonly type: 'cancel_deadline' }
  /** `from`: 'failed', or the ordinal of an operator; `only`: that operator alone, not what is downstream of it. */
  | {
      readonly type: 'rerun_requested'
      readonly from: 'failed' | number
      readonly only: boolean
      /** The version of the head that was to be run again: another one means that this is a repetition. */
      readonly version?: number
    }
  /** The broker confirmed the task message. */
  | { readonly type: 'published'; readonly ordinal: number; readonly attempt: number }
  | StartedEvent
  | {
      readonly type: 'progressed'
      readonly ordinal: number
      readonly attempt: number
      readonly progress: TaskProgress
    }
  | SucceededEvent
  | FailedEvent
  | { readonly type: 'revoked'; readonly ordinal: number; readonly attempt: number; readonly reason: string }
  | { readonly type: 'retry_due'; readonly ordinal: number; readonly attempt: number }
  /** The attempt's time limit and grace passed without a result. */
  | { readonly type: 'deadline_passed'; readonly ordinal: number; readonly attempt: number }
  /** The worker did not renew its lease of the attempt in time: it is dead, stopped or cut off. */
  | {
      readonly type: 'lease_expired'
      readonly ordinal: number
      readonly attempt: number
      readonly worker: string
    }
  /** A worker that stops gives back an attempt whose delivery it has acked. */
  | {
      readonly type: 'returned'
      readonly ordinal: number
      readonly attempt: number
      readonly worker: string | null
    }
  /**
   * The task message may never have been sent, or is gone with a broker that does not outlive its process: the same
   * attempt is sent again. `from`: the state that it was judged by. A task that has left it since is with a worker, and
   * maybe held by a lease alone: sent again, it would lose that lease to a message that its worker drops as a duplicate.
   */
  | {
      readonly type: 'message_lost'
      readonly ordinal: number
      readonly attempt: number
      readonly from: OperatorTaskState
    }

export interface StartedEvent {
  readonly type: 'started'
  readonly ordinal: number
  readonly attempt: number
  readonly worker: string | null
  /** By the worker's clock; null when it does not say (stock Celery workers). */
  readonly startedAt: Instant | null
  /** The worker acks the delivery now and guards the attempt by its lease alone. */
  readonly isLeased: boolean
}

export interface SucceededEvent {
  readonly type: 'succeeded'
  readonly ordinal: number
  readonly attempt: number
  readonly result: TaskResult
  readonly worker: string | null
  /** When the attempt started, if the result says so: short attempts send no STARTED message of their own. */
  readonly startedAt: Instant | null
}

export interface FailedEvent {
  readonly type: 'failed'
  readonly ordinal: number
  readonly attempt: number
  readonly failure: TaskFailure
  readonly retryable: boolean
  readonly worker: string | null
  readonly startedAt: Instant | null
}

/** What the engine's shell must do once the changes are stored. */
export type Effect =
  /** Hand the task's current attempt to the dispatch policy. */
  | { readonly type: 'dispatch'; readonly ordinal: number }
  /** Tell workers to drop or stop these attempts. */
  | { readonly type: 'revoke'; readonly attemptIds: readonly string[] }

/** Facts that are stored in the same transaction as the changes. */
export type Fact =
  /** An attempt that is not the last of its operator task ended. */
  | { readonly type: 'attempt_ended'; readonly ordinal: number; readonly attempt: EndedAttempt }
  | { readonly type: 'deployed'; readonly ordinal: number }

export interface EndedAttempt {
  readonly attempt: number
  readonly attemptId: string | null
  readonly outcome: 'succeeded' | 'failed' | 'cancelled' | 'skipped'
  readonly startedAt: Instant | null
  readonly finishedAt: Instant
  readonly worker: string | null
  readonly error: TaskFailure | null
}
