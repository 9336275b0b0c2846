import {
  assembleRun,
  isFinalTaskState,
  isInFlightTaskState,
  type DagPlan,
  type Instant,
  type OperatorTask,
  type OperatorTaskState,
  type Run,
  type RunRecord,
} from '@celeriac/core'

/** A run in memory beside what the database holds of it: the fence of its next write. */
export interface CachedRun {
  readonly run: Run
  readonly storedTasks: { state: OperatorTaskState; attempt: number }[]
  storedVersion: number
  /** When the run was asked for, or asked for again; after a takeover in the middle of a rerun, when at first. */
  acceptedAt: Instant
}

export interface AttemptPlace {
  readonly runId: string
  readonly ordinal: number
  readonly attempt: number
  /** Its results are values of its own, not those of an operator. */
  readonly isPlainTask: boolean
}

/**
 * The open runs of the partitions that this scheduler owns, and the index from attempt id (what result messages
 * carry) to operator task. Plans are shared between the runs of one DAG version.
 */
export class RunCache {
  readonly #runs = new Map<string, CachedRun>()
  readonly #attempts = new Map<string, AttemptPlace>()
  readonly #plans = new Map<string, { plan: DagPlan; users: number }>()
  #tasks = 0

  get size(): number {
    return this.#runs.size
  }

  /** Operator tasks of all runs together: what the memory is spent on. */
  get tasks(): number {
    return this.#tasks
  }

  get(runId: string): CachedRun | undefined {
    return this.#runs.get(runId)
  }

  findAttempt(attemptId: string): AttemptPlace | undefined {
    return this.#attempts.get(attemptId)
  }

  add(record: RunRecord): CachedRun {
    this.remove(record.id)
    const cached: CachedRun = {
      run: assembleRun(record.head, this.#sharePlan(record), record.tasks),
      storedTasks: record.tasks.map(({ state, attempt }) => ({ state, attempt })),
      storedVersion: record.head.version,
      acceptedAt: record.head.createdAt,
    }
    this.#runs.set(record.id, cached)
    this.#tasks += cached.run.tasks.length
    for (const task of record.tasks) this.indexAttempt(record.id, task)
    return cached
  }

  /** Keeps the index in step with a changed task. */
  indexAttempt(runId: string, task: OperatorTask, before?: OperatorTask): void {
    if (
      before?.attemptId != null &&
      (before.attemptId !== task.attemptId || !isInFlightTaskState(task.state))
    )
      this.#attempts.delete(before.attemptId)
    if (task.attemptId === null || !isInFlightTaskState(task.state)) return
    const { ordinal, attempt } = task
    const isPlainTask = this.#runs.get(runId)?.run.plan.operators[ordinal]?.task !== undefined
    this.#attempts.set(task.attemptId, { runId, ordinal, attempt, isPlainTask })
  }

  remove(runId: string): void {
    const cached = this.#runs.get(runId)
    if (cached === undefined) return
    this.#runs.delete(runId)
    const { head, tasks } = cached.run
    this.#tasks -= tasks.length
    for (const task of tasks)
      if (task.attemptId !== null && !isFinalTaskState(task.state)) this.#attempts.delete(task.attemptId)
    const key = `${head.dagId}/${head.dagVersion}`
    const shared = this.#plans.get(key)
    if (shared !== undefined && --shared.users === 0) this.#plans.delete(key)
  }

  /** Some operator task of the partition is `ready`, here or in the database. */
  hasReady(partition: number): boolean {
    for (const { run, storedTasks } of this.#runs.values())
      if (run.head.partition === partition && (run.tasks.some(isReady) || storedTasks.some(isReady)))
        return true
    return false
  }

  /** Ids of the cached runs of a partition. */
  ofPartition(partition: number): string[] {
    return [...this.#runs].filter(([, { run }]) => run.head.partition === partition).map(([id]) => id)
  }

  #sharePlan(record: RunRecord): DagPlan {
    const key = `${record.head.dagId}/${record.head.dagVersion}`
    const shared = this.#plans.get(key)
    if (shared === undefined) {
      this.#plans.set(key, { plan: record.plan, users: 1 })
      return record.plan
    }
    shared.users++
    return shared.plan
  }
}

const isReady = ({ state }: { readonly state: OperatorTaskState }): boolean => state === 'ready'
