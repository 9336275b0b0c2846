import {
  advance,
  applyAdvance,
  type AdvanceContext,
  type AppError,
  type AttemptWrite,
  type Delivery,
  type DagPlan,
  type DeploymentWrite,
  type EngineBatch,
  type EngineEvent,
  type Effect,
  type Fact,
  type HeadWrite,
  type Instant,
  type OperatorTask,
  type PlanOperator,
  type RunHead,
  type TaskWrite,
} from '@celeriac/core'
import type { CachedRun, RunCache } from './run-cache.ts'

/** What became of one event, for metrics and logs. */
export type EventDisposition = 'applied' | 'ignored' | 'illegal'

export interface RunEffect {
  readonly runId: string
  readonly effect: Effect
}

/** One change of an operator task by one event. */
export interface TaskMove {
  readonly runId: string
  readonly operator: PlanOperator
  readonly before: OperatorTask
  readonly after: OperatorTask
  readonly at: Instant
}

/** A run that a batch changed, and its changed tasks. Head and tasks are replaced by later changes, never altered. */
export interface ChangedRun {
  readonly head: RunHead
  readonly plan: DagPlan
  readonly tasks: readonly OperatorTask[]
}

/**
 * One batch in the making: events are advanced against the cache one after another; at the end each changed row is
 * written once, in its latest form, whatever number of events changed it.
 */
export class BatchDraft {
  readonly effects: RunEffect[] = []
  /** Every change, in order; of one task there may be several. */
  readonly moves: TaskMove[] = []
  /** Deliveries to be parked instead of acked, once what they ended is stored. */
  readonly unreadable = new Map<Delivery, AppError>()
  readonly #touched = new Map<string, { cached: CachedRun; ordinals: Set<number> }>()
  readonly #fences = new Map<number, number>()
  readonly #attempts: AttemptWrite[] = []
  readonly #deployments: DeploymentWrite[] = []

  /** Nothing to write, and nothing was decided that the epoch must vouch for. */
  get isEmpty(): boolean {
    return this.#touched.size === 0 && this.#fences.size === 0
  }

  /**
   * Something of the partition is decided under this epoch. To ignore a message is a decision too: it is acked, so it
   * counts only if nobody else has written the partition meanwhile. The first epoch of a batch stands: after a loss and a
   * new takeover within one batch, what was decided before is refused.
   */
  fence(partition: number, epoch: number): void {
    if (!this.#fences.has(partition)) this.#fences.set(partition, epoch)
  }

  /** To be sent once the batch is stored: somebody works on an attempt that nobody waits for. */
  revoke(attemptId: string): void {
    this.effects.push({ runId: '', effect: { type: 'revoke', attemptIds: [attemptId] } })
  }

  /** Ids of the runs that the batch changes. */
  runIds(): string[] {
    return [...this.#touched.keys()]
  }

  apply(cache: RunCache, cached: CachedRun, event: EngineEvent, ctx: AdvanceContext): EventDisposition {
    const { run } = cached
    const result = advance(run, event, ctx)
    if (result.kind !== 'applied') return result.kind
    const runId = run.head.id
    const touched = this.#touched.get(runId) ?? { cached, ordinals: new Set<number>() }
    this.#touched.set(runId, touched)
    for (const after of result.tasks) {
      const before = run.tasks[after.ordinal]
      const operator = run.plan.operators[after.ordinal]
      touched.ordinals.add(after.ordinal)
      cache.indexAttempt(runId, after, before)
      if (before !== undefined && operator !== undefined)
        this.moves.push({ runId, operator, before, after, at: ctx.now })
    }
    if (event.type === 'rerun_requested') cached.acceptedAt = ctx.now
    applyAdvance(run, result)
    for (const fact of result.facts) this.#addFact(cached, fact)
    for (const effect of result.effects) this.effects.push({ runId, effect })
    return 'applied'
  }

  /** The set-based writes, fenced by what the database holds. */
  writes(): EngineBatch {
    const heads: HeadWrite[] = []
    const tasks: TaskWrite[] = []
    for (const [runId, { cached, ordinals }] of this.#touched) {
      const { head, tasks: current } = cached.run
      if (head.version !== cached.storedVersion) heads.push({ fromVersion: cached.storedVersion, head })
      for (const ordinal of ordinals) {
        const task = current[ordinal]
        const stored = cached.storedTasks[ordinal]
        if (task !== undefined && stored !== undefined)
          tasks.push({ runId, fromState: stored.state, fromAttempt: stored.attempt, task })
      }
    }
    const fences = [...this.#fences].map(([partition, epoch]) => ({ partition, epoch }))
    return { fences, heads, tasks, attempts: this.#attempts, deployments: this.#deployments }
  }

  /** Call once the writes are committed: they are what the database holds now. */
  markStored(): void {
    for (const { cached, ordinals } of this.#touched.values()) {
      cached.storedVersion = cached.run.head.version
      for (const ordinal of ordinals) {
        const task = cached.run.tasks[ordinal]
        if (task !== undefined) cached.storedTasks[ordinal] = { state: task.state, attempt: task.attempt }
      }
    }
  }

  /** Names of the models of which the batch registers versions. */
  get deployedModels(): readonly string[] {
    return this.#deployments.flatMap(({ deployment: { name } }) => (typeof name === 'string' ? [name] : []))
  }

  /** The tasks that the batch changed, in their latest form. */
  *changedTasks() {
    for (const [runId, { cached, ordinals }] of this.#touched)
      for (const ordinal of ordinals) {
        const task = cached.run.tasks[ordinal]
        if (task !== undefined) yield { runId, cached, task }
      }
  }

  /** Heads of the runs that the batch changed, with when the run was asked for. */
  *changedHeads() {
    for (const { cached } of this.#touched.values())
      yield { head: cached.run.head, acceptedAt: cached.acceptedAt }
  }

  /** The runs that the batch changed, in their latest form. */
  *changedRuns(): Generator<ChangedRun> {
    for (const { cached, ordinals } of this.#touched.values()) {
      const { head, plan, tasks } = cached.run
      yield { head, plan, tasks: [...ordinals].flatMap((ordinal) => tasks[ordinal] ?? []) }
    }
  }

  #addFact(cached: CachedRun, fact: Fact): void {
    const runId = cached.run.head.id
    switch (fact.type) {
      case 'attempt_ended':
        this.#attempts.push({ runId, ordinal: fact.ordinal, attempt: fact.attempt })
        return
      case 'deployed': {
        const task = cached.run.tasks[fact.ordinal]
        const deployment = task?.result?.deployment
        if (task !== undefined && deployment !== undefined)
          this.#deployments.push({ runId, ordinal: fact.ordinal, attempt: task.attempt, deployment })
        return
      }
    }
  }
}
