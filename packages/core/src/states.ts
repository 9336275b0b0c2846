/**
 * The states of operator tasks and runs, and the pairs that may follow one another. This table is the only
 * place that knows them: the database's CHECK constraints, the documentation's diagram and the console read it.
 */

export const operatorTaskStates = [
  /** Waits for upstream operators. The engine moves it on when its trigger rule is decided. */
  'pending',
  /** May run; its task message is not confirmed by the broker yet. These rows are the outbox. */
  'ready',
  /** Its task message lies in an executor queue, or with a worker that has not reported a start. */
  'queued',
  /** A worker reported the start of the current attempt. */
  'running',
  /** The last attempt failed; the next one is due at `retryAt`. */
  'retry_wait',
  'succeeded',
  'failed',
  'cancelled',
  /** Decided not to run: by itself, or because an upstream operator was skipped. */
  'skipped',
  /** Its trigger rule cannot hold any more because of failures upstream. */
  'upstream_failed',
] as const
export type OperatorTaskState = (typeof operatorTaskStates)[number]

/** Final states: absorbing, except for an explicit rerun. */
export const finalOperatorTaskStates = [
  'succeeded',
  'failed',
  'cancelled',
  'skipped',
  'upstream_failed',
] as const
export type FinalOperatorTaskState = (typeof finalOperatorTaskStates)[number]

/** States in which an attempt is with the broker or a worker. */
export const inFlightOperatorTaskStates = ['ready', 'queued', 'running'] as const

/**
 * Allowed transitions of an operator task. Results may overtake the publisher confirm or the STARTED message,
 * so every in-flight state may go straight to an outcome. Final → `pending` happens on rerun only; in flight → `ready`
 * when a broker that does not outlive the process lost the message, or when a worker was lost that held the attempt by
 * its lease alone; `running` → `queued` when a worker was lost whose delivery the broker hands to another.
 */
export const operatorTaskTransitions: Readonly<Record<OperatorTaskState, readonly OperatorTaskState[]>> = {
  pending: ['ready', 'cancelled', 'skipped', 'upstream_failed'],
  ready: ['queued', 'running', 'retry_wait', 'succeeded', 'failed', 'cancelled', 'skipped'],
  queued: ['ready', 'running', 'retry_wait', 'succeeded', 'failed', 'cancelled', 'skipped'],
  running: ['ready', 'queued', 'retry_wait', 'succeeded', 'failed', 'cancelled', 'skipped'],
  retry_wait: ['ready', 'cancelled'],
  succeeded: ['pending'],
  failed: ['pending'],
  cancelled: ['pending'],
  skipped: ['pending'],
  upstream_failed: ['pending'],
}

export const runStates = [
  /** Stored; the engine has not taken it up yet. */
  'queued',
  'running',
  /** A cancel was accepted; attempts that were running are being stopped. */
  'cancelling',
  'succeeded',
  /** At least one operator task failed. */
  'failed',
  'cancelled',
] as const
export type RunState = (typeof runStates)[number]

export const finalRunStates = ['succeeded', 'failed', 'cancelled'] as const
export type FinalRunState = (typeof finalRunStates)[number]

/** States of runs that are not finished. */
export const openRunStates = ['queued', 'running', 'cancelling'] as const
export type OpenRunState = (typeof openRunStates)[number]

/** Allowed transitions of a run. Final → `running` happens on rerun only. */
export const runTransitions: Readonly<Record<RunState, readonly RunState[]>> = {
  queued: ['running', 'cancelled', 'succeeded'],
  running: ['cancelling', 'succeeded', 'failed', 'cancelled'],
  cancelling: ['cancelled'],
  succeeded: ['running'],
  failed: ['running'],
  cancelled: ['running'],
}

const finalTaskSet: ReadonlySet<string> = new Set(finalOperatorTaskStates)
const finalRunSet: ReadonlySet<string> = new Set(finalRunStates)
const inFlightSet: ReadonlySet<string> = new Set(inFlightOperatorTaskStates)

export const isFinalTaskState = (state: OperatorTaskState): state is FinalOperatorTaskState =>
  finalTaskSet.has(state)
export const isFinalRunState = (state: RunState): state is FinalRunState => finalRunSet.has(state)
export const isInFlightTaskState = (state: OperatorTaskState): boolean => inFlightSet.has(state)
export const canTaskMove = (from: OperatorTaskState, to: OperatorTaskState): boolean =>
  operatorTaskTransitions[from].includes(to)
export const canRunMove = (from: RunState, to: RunState): boolean => runTransitions[from].includes(to)
