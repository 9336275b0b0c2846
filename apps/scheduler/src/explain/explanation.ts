import type { JsonObject, OperatorTaskState, RunState } from '@celeriac/core'

/** Why something is where it is, by code; `docs/guide/explain.md` lists the same (test-synced). */
export const reasonCodes = {
  run_waits_for_dag_limit: 'As many runs of the DAG are active as its `max_active_runs` allows.',
  run_waits_for_overall_limit: 'As many runs are active as `CELERIAC_MAX_ACTIVE_RUNS` allows.',
  run_waits_for_admission: 'The limits leave room; a scheduler lets the run through at its next look.',
  run_not_taken_up: 'The run may start; the engine that owns its partition has not taken it up yet.',
  engine_behind: 'The engine has not got that far: events lie before it, or it holds as much as it may.',
  partition_without_owner: 'No live scheduler owns the partition of the run: nothing of it moves.',
  database_away: 'The engine that owns the partition has no answer from the database.',
  run_set_aside: 'The engine cannot load or store the run, and tries again from time to time.',
  run_cancelling: 'The run is being cancelled; attempts that run are being stopped.',
  waits_for_upstream: 'Its trigger rule is not decided yet: upstream operators have not ended.',
  trigger_decided: 'Its upstream operators have ended; the engine decides in a moment.',
  message_not_confirmed: 'It may run; the broker has not confirmed its message yet.',
  broker_unreachable: 'The engine has no connection to the broker.',
  broker_blocked: 'The broker takes no messages: it is short of memory or disk.',
  in_queue: 'Its message lies in the queue of its executor, among others.',
  no_consumer: 'No worker consumes the queue of its executor.',
  handed_to_worker: 'Its message was taken from the queue; the worker has not reported a start yet.',
  queue_unknown: 'The broker cannot be asked about the queue at the moment.',
  worker_lost_before: 'Workers were lost while they ran earlier attempts; that costs no retry.',
  running: 'A worker runs the current attempt.',
  progress: 'What the attempt last said of its progress.',
  lease: 'The worker renews its lease of the attempt; when it stops to, the attempt is handed on.',
  delivery: 'The message is unacknowledged: when the worker goes, the broker hands it to another one.',
  worker_silent: 'The worker that runs the attempt has not been heard of; the attempt is being handed on.',
  time_limit: 'The attempt ends at its time limit.',
  retry_wait: 'The last attempt failed; the next one is due at a set time.',
  retried: 'Earlier attempts failed.',
  succeeded: 'It has succeeded.',
  failed: 'Its last attempt failed.',
  no_retry_left: 'All retries are used.',
  not_retryable: 'A failure of this kind is not tried again.',
  upstream_failed: 'Its trigger rule cannot hold any more, because operators upstream failed.',
  skipped_itself: 'The operator chose to be skipped.',
  upstream_skipped: 'Operators upstream were skipped, and its trigger rule makes it follow them.',
  cancelled_with_run: 'The run was cancelled.',
} as const satisfies Record<string, string>
export type ReasonCode = keyof typeof reasonCodes

export interface Reason {
  readonly code: ReasonCode
  /** A sentence, with names and numbers. */
  readonly message: string
  /** The same for programs. Instants are ISO 8601. */
  readonly details: JsonObject
}

export interface TaskExplanation {
  readonly operatorId: string
  readonly state: OperatorTaskState
  readonly attempt: number
  /** The first reason, as one sentence. */
  readonly summary: string
  /** Most important first; never empty. */
  readonly reasons: readonly Reason[]
  /** What would move it on; null: nothing has to. */
  readonly next: string | null
}

export interface RunExplanation {
  readonly state: RunState
  readonly summary: string
  /** What holds up the run as a whole; may be empty. */
  readonly reasons: readonly Reason[]
  readonly next: string | null
}

export const reason = (code: ReasonCode, message: string, details: JsonObject = {}): Reason => ({
  code,
  message,
  details,
})
