/**
 * The engine's state machine: `advance(run, event, ctx)` decides, without side effects, what an event changes.
 *
 *   event ──▶ advance ──▶ { head', tasks', facts } ──▶ one transaction ──▶ effects (publish, revoke) ──▶ ack
 *
 * Rules in force:
 * - an event of another attempt than the current one, of a final task or of a finished run is `ignored`, a normal
 *   value under at-least-once delivery;
 * - a transition outside the table of `states.ts` is `illegal`: a defect, reported, never carried out;
 * - attempts never decrease; a task that is not final has no `finishedAt`;
 * - a run is final exactly when all of its tasks are.
 * The caller applies the result to its copy with `applyAdvance` before it feeds the next event of the same run.
 */
import type { AdvanceContext } from './advance-context.ts'
import type { Instant } from './json.ts'
import type { EngineEvent, Effect, Fact, FailedEvent, StartedEvent, SucceededEvent } from './engine-event.ts'
import { retryDelayMs } from './retry-policy.ts'
import { newOperatorTask, type OperatorTask, type Run, type RunHead } from './run.ts'
import { RunDraft } from './run-draft.ts'
import { isFinalRunState, isFinalTaskState, isInFlightTaskState } from './states.ts'
import { staleness, type IgnoredWhy } from './staleness.ts'
import { wakeOfTask } from './wake.ts'
import { onLeaseExpired, onReturned } from './worker-loss.ts'

export type Advance =
  | {
      readonly kind: 'applied'
      readonly head: RunHead
      /** The changed tasks, each once, in their new form. */
      readonly tasks: readonly OperatorTask[]
      readonly facts: readonly Fact[]
      readonly effects: readonly Effect[]
    }
  | { readonly kind: 'ignored'; readonly why: IgnoredWhy }
  | {
      readonly kind: 'illegal'
      readonly from: string
      readonly to: string
      readonly event: EngineEvent['type']
    }

/** Decides what `event` changes in `run`. Pure: neither argument is changed. */
export function advance(run: Run, event: EngineEvent, ctx: AdvanceContext): Advance {
  const draft = new RunDraft(run, ctx)
  const why = decide(draft, event, ctx)
  if (why !== null) return { kind: 'ignored', why }
  draft.settle()
  const illegal = draft.illegal
  if (illegal !== null) return { kind: 'illegal', ...illegal, event: event.type }
  return {
    kind: 'applied',
    head: draft.head,
    tasks: draft.changedTasks(),
    facts: draft.facts,
    effects: draft.effects,
  }
}

/** Takes the decision over into the caller's copy of the run. */
export function applyAdvance(run: Run, result: Extract<Advance, { kind: 'applied' }>): void {
  for (const task of result.tasks) {
    const before = run.tasks[task.ordinal]
    if (before === undefined) continue
    const opened = Number(isFinalTaskState(before.state)) - Number(isFinalTaskState(task.state))
    run.tasks[task.ordinal] = task
    if (opened === 0) continue
    run.unfinished += opened
    for (const down of run.plan.operators[task.ordinal]?.downstream ?? [])
      run.waitingFor[down] = (run.waitingFor[down] ?? 0) + opened
  }
  run.head = result.head
}

function decide(draft: RunDraft, event: EngineEvent, ctx: AdvanceContext): IgnoredWhy | null {
  switch (event.type) {
    case 'run_created':
      return onRunCreated(draft)
    case 'cancel_requested':
      return onCancelRequested(draft, ctx)
    case 'cancel_deadline':
      return onCancelDeadline(draft)
    case 'rerun_requested':
      return onRerunRequested(draft, event)
    case 'published':
      return onPublished(draft, draft.task(event.ordinal), event.attempt)
    case 'started':
      return onStarted(draft, draft.task(event.ordinal), event, ctx)
    case 'progressed': {
      const task = draft.task(event.ordinal)
      const why = staleness(task, event.attempt)
      if (why !== null) return why
      if (task.state !== 'running') return 'nothing_to_do'
      draft.put({ ...task, progress: event.progress })
      return null
    }
    case 'succeeded':
      return onSucceeded(draft, draft.task(event.ordinal), event, ctx)
    case 'failed':
      return onFailed(draft, draft.task(event.ordinal), event, ctx)
    case 'revoked':
      return onRevoked(draft, draft.task(event.ordinal), event.attempt, event.reason, ctx)
    case 'retry_due':
      return onRetryDue(draft, draft.task(event.ordinal), event.attempt)
    case 'deadline_passed':
      return onDeadlinePassed(draft, draft.task(event.ordinal), event.attempt, ctx)
    case 'lease_expired':
      return onLeaseExpired(draft, draft.task(event.ordinal), event.attempt, event.worker)
    case 'returned':
      return onReturned(draft, draft.task(event.ordinal), event)
    case 'message_lost':
      return onMessageLost(draft, draft.task(event.ordinal), event)
  }
}

function onRunCreated(draft: RunDraft): IgnoredWhy | null {
  if (draft.head.state !== 'queued') return 'duplicate'
  draft.startRun()
  for (const operator of draft.plan.operators) {
    if (operator.upstream.length === 0) draft.makeReady(draft.task(operator.ordinal))
  }
  return null
}

function onCancelRequested(draft: RunDraft, ctx: AdvanceContext): IgnoredWhy | null {
  if (isFinalRunState(draft.head.state)) return 'already_final'
  if (draft.head.state === 'cancelling') return 'duplicate'
  const revoked: string[] = []
  let running = 0
  for (const operator of draft.plan.operators) {
    const task = draft.task(operator.ordinal)
    if (isFinalTaskState(task.state)) continue
    if (isInFlightTaskState(task.state) && task.attemptId !== null) revoked.push(task.attemptId)
    // A running attempt reports its own end; what lies in a queue is final now and dropped by whoever receives it.
    if (task.state === 'running') running++
    else draft.finish(task, 'cancelled', {})
  }
  if (running > 0) draft.startCancelling(ctx.now + ctx.cancelGraceMs)
  else draft.cancelRun()
  if (revoked.length > 0) draft.effects.push({ type: 'revoke', attemptIds: revoked })
  return null
}

function onCancelDeadline(draft: RunDraft): IgnoredWhy | null {
  if (draft.head.state !== 'cancelling') return 'already_final'
  const revoked: string[] = []
  for (const operator of draft.plan.operators) {
    const task = draft.task(operator.ordinal)
    if (isFinalTaskState(task.state)) continue
    if (task.attemptId !== null) revoked.push(task.attemptId)
    draft.finish(task, 'cancelled', {})
  }
  // No answer in time: the first revocation may have been lost, with a scheduler or with a connection.
  if (revoked.length > 0) draft.effects.push({ type: 'revoke', attemptIds: revoked })
  return null
}

/**
 * Resets operators to `pending` and starts the run again. 'failed' takes every operator that did not succeed (and
 * what hangs on it); an ordinal takes that operator and, unless `only`, all that is downstream of it. Operators
 * outside the set keep their results, and their artifacts are the inputs of those that run again.
 */
function onRerunRequested(
  draft: RunDraft,
  { from, only, version }: Extract<EngineEvent, { type: 'rerun_requested' }>,
): IgnoredWhy | null {
  if (!isFinalRunState(draft.head.state)) return 'not_final'
  // Delivered again after the rerun has ended: it must not run a third time.
  if (version !== undefined && version !== draft.head.version) return 'duplicate'
  const chosen = new Set<number>()
  const pile: number[] = []
  for (const { ordinal } of draft.plan.operators) {
    const { state } = draft.task(ordinal)
    if (from === 'failed' ? state !== 'succeeded' && state !== 'skipped' : ordinal === from)
      pile.push(ordinal)
  }
  while (pile.length > 0) {
    const ordinal = pile.pop()
    if (ordinal === undefined || chosen.has(ordinal)) continue
    chosen.add(ordinal)
    if (!(only && from !== 'failed')) pile.push(...draft.operator(ordinal).downstream)
  }
  if (chosen.size === 0) return 'nothing_to_do'
  draft.restartRun()
  for (const ordinal of chosen) {
    const task = draft.task(ordinal)
    draft.archive(task)
    draft.put({ ...newOperatorTask(ordinal), attempt: task.attempt, attemptId: task.attemptId })
  }
  for (const ordinal of chosen) draft.decideTask(ordinal)
  return null
}

function onPublished(draft: RunDraft, task: OperatorTask, attempt: number): IgnoredWhy | null {
  if (task.attempt !== attempt) return 'stale_attempt'
  if (task.state !== 'ready') return 'duplicate'
  draft.move(task, { state: 'queued' })
  return null
}

/**
 * When the attempt started, by the worker's clock where that is believable: not before the attempt was ready and not in
 * the future. Otherwise now: a wrong clock must not make a time limit pass.
 */
const startOf = (task: OperatorTask, startedAt: Instant | null, ctx: AdvanceContext): Instant =>
  startedAt === null || startedAt > ctx.now || startedAt < (task.readyAt ?? 0) ? ctx.now : startedAt

/** The start that a result tells of; one that was recorded already stands. */
const startSeen = (task: OperatorTask, startedAt: Instant | null, ctx: AdvanceContext): Instant | null =>
  startedAt === null || task.startedAt !== null ? task.startedAt : startOf(task, startedAt, ctx)

function onStarted(
  draft: RunDraft,
  task: OperatorTask,
  event: StartedEvent,
  ctx: AdvanceContext,
): IgnoredWhy | null {
  const why = staleness(task, event.attempt)
  if (why !== null) return why
  const startedAt = startOf(task, event.startedAt, ctx)
  const { worker } = event
  // Once leased, the attempt stays so: a late STARTED of somebody else must not hide that no delivery guards it.
  if (task.isLeased && !event.isLeased) return 'duplicate'
  const isLeased = task.isLeased || event.isLeased
  if (task.state !== 'running') draft.move(task, { state: 'running', worker, startedAt, isLeased })
  else if (task.worker !== worker)
    // A second STARTED of the same attempt is a redelivery to another worker: the latest one holds it.
    draft.put({ ...task, worker, startedAt, isLeased, progress: null })
  else if (isLeased !== task.isLeased) draft.put({ ...task, isLeased })
  else return 'duplicate'
  return null
}

function onSucceeded(
  draft: RunDraft,
  task: OperatorTask,
  event: SucceededEvent,
  ctx: AdvanceContext,
): IgnoredWhy | null {
  const why = staleness(task, event.attempt)
  if (why !== null) return why
  const { result } = event
  draft.finish(task, result.skipped === undefined ? 'succeeded' : 'skipped', {
    result,
    worker: event.worker ?? task.worker,
    startedAt: startSeen(task, event.startedAt, ctx),
  })
  if (result.deployment !== undefined) draft.facts.push({ type: 'deployed', ordinal: task.ordinal })
  return null
}

function onFailed(
  draft: RunDraft,
  task: OperatorTask,
  event: FailedEvent,
  ctx: AdvanceContext,
): IgnoredWhy | null {
  const why = staleness(task, event.attempt)
  if (why !== null) return why
  const seen: OperatorTask = {
    ...task,
    error: event.failure,
    worker: event.worker ?? task.worker,
    startedAt: startSeen(task, event.startedAt, ctx),
  }
  const { retry } = draft.operator(task.ordinal)
  if (draft.head.state === 'cancelling') draft.finish(task, 'cancelled', { error: event.failure })
  else if (event.retryable && task.retries < retry.max) {
    const retries = task.retries + 1
    draft.archive(seen)
    draft.move(seen, {
      state: 'retry_wait',
      retries,
      retryAt: ctx.now + retryDelayMs(retry, retries, ctx.draw),
      progress: null,
    })
  } else draft.finish(task, 'failed', seen)
  return null
}

/** A worker dropped or stopped the attempt. Outside a cancelled run that is a failure like any other. */
function onRevoked(
  draft: RunDraft,
  task: OperatorTask,
  attempt: number,
  reason: string,
  ctx: AdvanceContext,
): IgnoredWhy | null {
  const why = staleness(task, attempt)
  if (why !== null) return why
  if (draft.head.state === 'cancelling') {
    draft.finish(task, 'cancelled', {})
    return null
  }
  const failure = { code: 'TASK_CANCELLED', message: `the attempt was revoked: ${reason}` } as const
  const { ordinal, worker } = task
  return onFailed(
    draft,
    task,
    { type: 'failed', ordinal, attempt, failure, retryable: true, worker, startedAt: null },
    ctx,
  )
}

function onRetryDue(draft: RunDraft, task: OperatorTask, attempt: number): IgnoredWhy | null {
  if (task.attempt !== attempt) return 'stale_attempt'
  if (task.state !== 'retry_wait') return 'duplicate'
  draft.makeReady(task)
  return null
}

function onDeadlinePassed(
  draft: RunDraft,
  task: OperatorTask,
  attempt: number,
  ctx: AdvanceContext,
): IgnoredWhy | null {
  const why = staleness(task, attempt)
  if (why !== null) return why
  // The attempt may have started anew since, on another worker: then this deadline was the first start's.
  const wake = wakeOfTask(draft, task)
  if (wake === null || ctx.now < wake.at) return 'nothing_to_do'
  if (task.attemptId !== null) draft.effects.push({ type: 'revoke', attemptIds: [task.attemptId] })
  const failure = {
    code: 'TASK_TIMED_OUT',
    message: 'no result within the time limit and its grace',
  } as const
  const { ordinal, worker } = task
  return onFailed(
    draft,
    task,
    { type: 'failed', ordinal, attempt, failure, retryable: true, worker, startedAt: null },
    ctx,
  )
}

function onMessageLost(
  draft: RunDraft,
  task: OperatorTask,
  { attempt, from }: Extract<EngineEvent, { type: 'message_lost' }>,
): IgnoredWhy | null {
  const why = staleness(task, attempt)
  if (why !== null) return why
  if (task.state !== from) return 'nothing_to_do'
  // What was to be stopped has ended with the process that it ran in.
  if (draft.head.state === 'cancelling') draft.finish(task, 'cancelled', {})
  else if (task.state === 'ready') draft.effects.push({ type: 'dispatch', ordinal: task.ordinal })
  else draft.resend(task)
  return null
}
