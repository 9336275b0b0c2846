import type { AdvanceContext } from './advance-context.ts'
import type { Effect, EndedAttempt, Fact } from './engine-event.ts'
import type { Instant } from './json.ts'
import type { DagPlan, PlanOperator } from './plan.ts'
import type { OperatorTask, Run, RunHead } from './run.ts'
import {
  canRunMove,
  canTaskMove,
  isFinalTaskState,
  type FinalOperatorTaskState,
  type OperatorTaskState,
  type RunState,
} from './states.ts'
import { decideTrigger } from './trigger-rules.ts'

/**
 * The working copy of one `advance`: changed tasks overlay the run, which itself stays untouched. Every change of
 * state goes through `move` or `moveRun`, which check the transition tables, and sets just the fields that belong to
 * the new state.
 */
export class RunDraft {
  head: RunHead
  readonly plan: DagPlan
  readonly facts: Fact[] = []
  readonly effects: Effect[] = []
  illegal: { from: string; to: string } | null = null
  readonly #run: Run
  readonly #ctx: AdvanceContext
  readonly #changed = new Map<number, OperatorTask>()
  readonly #waitingFor = new Map<number, number>()
  readonly #undecided: number[] = []
  #unfinished: number

  constructor(run: Run, ctx: AdvanceContext) {
    this.head = run.head
    this.plan = run.plan
    this.#run = run
    this.#ctx = ctx
    this.#unfinished = run.unfinished
  }

  operator(ordinal: number): PlanOperator {
    const operator = this.plan.operators[ordinal]
    if (operator === undefined) throw new RangeError(`no operator ${ordinal} in the plan`)
    return operator
  }

  task(ordinal: number): OperatorTask {
    const task = this.#changed.get(ordinal) ?? this.#run.tasks[ordinal]
    if (task === undefined) throw new RangeError(`no operator task ${ordinal} in the run`)
    return task
  }

  changedTasks(): OperatorTask[] {
    return [...this.#changed.values()]
  }

  /** Replaces a task without a look at its state; keeps the counts of unfinished tasks. */
  put(task: OperatorTask): void {
    const before = this.task(task.ordinal)
    const opened = Number(isFinalTaskState(before.state)) - Number(isFinalTaskState(task.state))
    this.#changed.set(task.ordinal, task)
    if (opened === 0) return
    this.#unfinished += opened
    for (const down of this.operator(task.ordinal).downstream)
      this.#waitingFor.set(down, this.#waiting(down) + opened)
  }

  #waiting(ordinal: number): number {
    return this.#waitingFor.get(ordinal) ?? this.#run.waitingFor[ordinal] ?? 0
  }

  move(task: OperatorTask, change: Partial<OperatorTask> & { readonly state: OperatorTaskState }): void {
    if (!canTaskMove(task.state, change.state)) this.illegal ??= { from: task.state, to: change.state }
    this.put({ ...task, ...change })
  }

  /** A new attempt, to be dispatched. */
  makeReady(task: OperatorTask): void {
    this.move(task, {
      state: 'ready',
      attempt: task.attempt + 1,
      attemptId: this.#ctx.newAttemptId(),
      readyAt: this.#ctx.now,
      startedAt: null,
      finishedAt: null,
      retryAt: null,
      worker: null,
      isLeased: false,
      error: null,
      result: null,
      progress: null,
    })
    this.effects.push({ type: 'dispatch', ordinal: task.ordinal })
  }

  /** The same attempt once more. */
  resend(task: OperatorTask): void {
    this.move(task, { state: 'ready', startedAt: null, worker: null, isLeased: false, progress: null })
    this.effects.push({ type: 'dispatch', ordinal: task.ordinal })
  }

  finish(
    task: OperatorTask,
    state: FinalOperatorTaskState,
    outcome: Partial<Pick<OperatorTask, 'result' | 'error' | 'worker' | 'startedAt'>>,
  ): void {
    const {
      result = task.result,
      error = task.error,
      worker = task.worker,
      startedAt = task.startedAt,
    } = outcome
    this.move(task, { state, result, error, worker, startedAt, finishedAt: this.#ctx.now, retryAt: null })
    for (const down of this.operator(task.ordinal).downstream) {
      // A success can decide only one_success before the last upstream is final: spares wide joins a scan per success.
      const isOpen = state === 'succeeded' && this.#waiting(down) > 0
      if (!isOpen || this.operator(down).triggerRule === 'one_success') this.#undecided.push(down)
    }
  }

  /** Keeps what the task's current attempt was, before it is overwritten. */
  archive(task: OperatorTask): void {
    const attempt = endedAttempt(task, this.#ctx.now)
    const ran = isFinalTaskState(task.state) ? task.startedAt !== null || task.error !== null : true
    if (attempt !== null && ran) this.facts.push({ type: 'attempt_ended', ordinal: task.ordinal, attempt })
  }

  /** Applies the trigger rule of a pending task. */
  decideTask(ordinal: number): void {
    const task = this.task(ordinal)
    if (task.state !== 'pending') return
    const { upstream, triggerRule } = this.operator(ordinal)
    switch (
      decideTrigger(
        triggerRule,
        upstream.map((up) => this.task(up).state),
      )
    ) {
      case 'wait':
        return
      case 'run':
        this.makeReady(task)
        return
      case 'skip':
        this.finish(task, 'skipped', {})
        return
      case 'upstream_failed':
        this.finish(task, 'upstream_failed', {})
        return
    }
  }

  /** Decides all that hangs on finished tasks, transitively, and finishes the run when nothing is left. */
  settle(): void {
    while (this.#undecided.length > 0) {
      const ordinal = this.#undecided.pop()
      if (ordinal !== undefined && this.head.state !== 'cancelling') this.decideTask(ordinal)
    }
    if (this.#unfinished > 0) return
    if (this.head.state === 'cancelling') this.cancelRun()
    else if (this.head.state === 'running') this.#moveRun(this.#outcome(), { finishedAt: this.#ctx.now })
  }

  startRun(): void {
    this.#moveRun('running', { startedAt: this.#ctx.now })
  }

  restartRun(): void {
    this.#moveRun('running', { finishedAt: null, cancelDeadlineAt: null })
  }

  startCancelling(deadlineAt: Instant): void {
    this.#moveRun('cancelling', { cancelDeadlineAt: deadlineAt })
  }

  cancelRun(): void {
    this.#moveRun('cancelled', { finishedAt: this.#ctx.now, cancelDeadlineAt: null })
  }

  #outcome(): 'succeeded' | 'failed' {
    const failed = this.plan.operators.some(({ ordinal }) => {
      const { state } = this.task(ordinal)
      return state === 'failed' || state === 'upstream_failed' || state === 'cancelled'
    })
    return failed ? 'failed' : 'succeeded'
  }

  #moveRun(state: RunState, change: Partial<RunHead>): void {
    if (!canRunMove(this.head.state, state)) this.illegal ??= { from: this.head.state, to: state }
    this.head = { ...this.head, ...change, state, version: this.head.version + 1 }
  }
}

/** Outcome of an attempt as its history keeps it; null for a task that never ran. */
function endedAttempt(task: OperatorTask, now: Instant): EndedAttempt | null {
  if (task.attempt === 0) return null
  const outcomes: Partial<Record<OperatorTaskState, EndedAttempt['outcome']>> = {
    succeeded: 'succeeded',
    cancelled: 'cancelled',
    skipped: 'skipped',
  }
  return {
    attempt: task.attempt,
    attemptId: task.attemptId,
    outcome: outcomes[task.state] ?? 'failed',
    startedAt: task.startedAt,
    finishedAt: task.finishedAt ?? now,
    worker: task.worker,
    error: task.error,
  }
}
