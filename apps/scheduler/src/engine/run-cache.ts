import {
  assembleRun,
  isFinalTaskState,
  isInFlightTaskState,
  type DagPlan,
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
}

export interface AttemptPlace {
  readonly runId: string
  readonly ordinal: number
  readonly attempt: number
}

/**
 * The open runs of the partitions that this scheduler owns, and the index from attempt id (what result messages
 * carry) to operator task. Plans are shared between the runs of one DAG version.
 */
export class RunCache {
  readonly #runs = new Map<string, CachedRun>()
  readonly #attempts = new Map<string, AttemptPlace>()
  readonly #plans = new Map<string, { plan: DagPlan; users: number }>()

  get size(): number {
    return this.#runs.size
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
    }
    this.#runs.set(record.id, cached)
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
    if (task.attemptId !== null && isInFlightTaskState(task.state))
      this.#attempts.set(task.attemptId, { runId, ordinal: task.ordinal, attempt: task.attempt })
  }

  remove(runId: string): void {
    const cached = this.#runs.get(runId)
    if (cached === undefined) return
    this.#runs.delete(runId)
    const { head, tasks } = cached.run
    for (const task of tasks)
      if (task.attemptId !== null && !isFinalTaskState(task.state)) this.#attempts.delete(task.attemptId)
    const key = `${head.dagId}/${head.dagVersion}`
    const shared = this.#plans.get(key)
    if (shared !== undefined && --shared.users === 0) this.#plans.delete(key)
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
