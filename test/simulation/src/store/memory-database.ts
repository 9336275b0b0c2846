/**
 * The database of a simulation: the rows that the engine reads and writes, and each operation of the Store port that it
 * uses as one indivisible step, with the fences, comparisons and constraints of the SQL. Time and distance come on top, in
 * `SimStore`. Runs are deep values that are replaced, never changed, as what comes out of a database.
 */
import {
  AppError,
  finalRunStates,
  newOperatorTask,
  openRunStates,
  operatorTaskStates,
  partitionOf,
  type AttemptRecord,
  type CommitOutcome,
  type DagVersionRecord,
  type EngineBatch,
  type Instant,
  type ModelVersionRecord,
  type NewDag,
  type NewRun,
  type OpenWork,
  type OperatorTask,
  type OperatorTaskRecord,
  type OperatorTaskState,
  type OpenRunState,
  type RunHead,
  type RunRecord,
} from '@celeriac/core'
import { refusedRun, refusedTask } from './row-checks.ts'
import { storable } from './storable.ts'

export interface StoredRun {
  head: RunHead
  readonly dag: DagVersionRecord
  readonly tasks: OperatorTask[]
  readonly attempts: Map<string, AttemptRecord>
  readonly idempotencyKey: string | null
  readonly submittedBy: string | null
}

export interface Partition {
  epoch: number
  owner: string
}

const finalStates: ReadonlySet<string> = new Set(finalRunStates)
/** PostgreSQL refuses index entries that are larger, after compression, than a third of a page. */
const idempotencyKeyLimit = 2_700

export class MemoryDatabase {
  readonly #now: () => Instant
  readonly #newId: () => string
  readonly #dags = new Map<string, DagVersionRecord[]>()
  readonly runs = new Map<string, StoredRun>()
  readonly partitions = new Map<number, Partition>()
  readonly models = new Map<string, ModelVersionRecord[]>()

  constructor({ now, newId }: { readonly now: () => Instant; readonly newId: () => string }) {
    this.#now = now
    this.#newId = newId
  }

  registerDag(dag: NewDag): { readonly version: DagVersionRecord; readonly isNew: boolean } {
    const versions = this.#dags.get(dag.name) ?? []
    this.#dags.set(dag.name, versions)
    const known = versions.find(({ contentHash }) => contentHash === dag.contentHash)
    if (known !== undefined) return { version: known, isNew: false }
    const { name, source, document, plan, contentHash } = dag
    const version = {
      name,
      source,
      document,
      plan,
      contentHash,
      dagId: versions[0]?.dagId ?? this.#newId(),
      version: versions.length + 1,
      createdAt: this.#now(),
    }
    versions.push(version)
    return { version, isNew: true }
  }

  createRun(run: NewRun): { readonly head: RunHead; readonly isNew: boolean; readonly isAdmitted: boolean } {
    if ((run.idempotencyKey?.length ?? 0) > idempotencyKeyLimit)
      throw new AppError('VALIDATION_BODY_INVALID', 'a value is too long for an index')
    const dag = [...this.#dags.values()]
      .flat()
      .find(({ dagId, version }) => dagId === run.dagId && version === run.dagVersion)
    if (dag === undefined) throw new AppError('NOT_FOUND_DAG', 'no such DAG version')
    const known =
      (run.idempotencyKey === null
        ? undefined
        : [...this.runs.values()].find(({ idempotencyKey }) => idempotencyKey === run.idempotencyKey)) ??
      this.runs.get(run.id)
    if (known !== undefined) return { head: known.head, isNew: false, isAdmitted: true }
    const head: RunHead = {
      id: run.id,
      dagId: run.dagId,
      dagVersion: run.dagVersion,
      partition: partitionOf(run.id),
      state: 'queued',
      version: 1,
      createdAt: this.#now(),
      startedAt: null,
      finishedAt: null,
      cancelDeadlineAt: null,
      datasets: run.datasets,
    }
    const tasks = dag.plan.operators.map(({ ordinal }) => newOperatorTask(ordinal))
    const { idempotencyKey } = run
    const { submittedBy } = storable({ submittedBy: run.submittedBy ?? null })
    this.runs.set(run.id, { head, dag, tasks, attempts: new Map(), idempotencyKey, submittedBy })
    return { head, isNew: true, isAdmitted: true }
  }

  findRun(id: string): RunRecord | null {
    const run = this.runs.get(id)
    if (run === undefined) return null
    const { head, dag, tasks } = run
    const { dagId, dagVersion, state, createdAt, startedAt, finishedAt, version } = head
    return {
      id,
      dagId,
      dagVersion,
      state,
      createdAt,
      startedAt,
      finishedAt,
      version,
      dagName: dag.name,
      isAdmitted: true,
      submittedBy: run.submittedBy,
      head,
      plan: dag.plan,
      tasks: [...tasks],
    }
  }

  findRunHead(id: string): RunHead | null {
    return this.runs.get(id)?.head ?? null
  }

  findOperatorTask(query: { runId: string; operatorId: string }): OperatorTaskRecord | null {
    const run = this.runs.get(query.runId)
    const operator = run?.dag.plan.operators.find(({ id }) => id === query.operatorId)
    const task = operator === undefined ? undefined : run?.tasks[operator.ordinal]
    return operator === undefined || task === undefined ? null : { operator, task }
  }

  listAttempts(runId: string): readonly AttemptRecord[] {
    return [...(this.runs.get(runId)?.attempts.values() ?? [])].toSorted(
      (a, b) => a.ordinal - b.ordinal || a.attempt - b.attempt,
    )
  }

  findModelVersion({ name, version }: { name: string; version?: number }): ModelVersionRecord | null {
    const versions = this.models.get(name) ?? []
    return (version === undefined ? versions.at(-1) : versions[version - 1]) ?? null
  }

  claimPartition(claim: { partition: number; owner: string }): { readonly epoch: number } {
    const epoch = (this.partitions.get(claim.partition)?.epoch ?? 0) + 1
    this.partitions.set(claim.partition, { epoch, owner: claim.owner })
    return { epoch }
  }

  listOpenRuns({
    partition,
    startedOnly = false,
  }: {
    partition: number
    startedOnly?: boolean
  }): readonly string[] {
    return [...this.runs.values()]
      .filter(({ head }) => head.partition === partition && !finalStates.has(head.state))
      .filter(({ head }) => !startedOnly || head.state !== 'queued')
      .map(({ head }) => head.id)
  }

  listQueuedRuns({ partitions, limit }: { partitions: readonly number[]; limit: number }): readonly {
    readonly id: string
    readonly partition: number
  }[] {
    return [...this.runs.values()]
      .filter(({ head }) => head.state === 'queued' && partitions.includes(head.partition))
      .map(({ head: { id, partition } }) => ({ id, partition }))
      .slice(0, limit)
  }

  countOpenWork(): OpenWork {
    const zero = <T extends string>(states: readonly T[]): Record<T, number> =>
      Object.fromEntries(states.map((state) => [state, 0])) as Record<T, number>
    const runs = zero<OpenRunState>(openRunStates)
    const operatorTasks = zero<OperatorTaskState>(operatorTaskStates)
    for (const { head, tasks } of this.runs.values()) {
      if (finalStates.has(head.state)) continue
      runs[head.state as OpenRunState]++
      for (const { state } of tasks) operatorTasks[state]++
    }
    return { runs, operatorTasks, waitingRuns: 0 }
  }

  /** As the SQL function `commit_batch`: the fences, then each row as believed, then all of it or nothing. */
  commitBatch(batch: EngineBatch): CommitOutcome {
    const lost = batch.fences
      .filter(({ partition, epoch }) => this.partitions.get(partition)?.epoch !== epoch)
      .map(({ partition }) => partition)
    if (lost.length > 0) return { kind: 'fenced', partitions: lost }
    refuseDuplicates(batch)
    const staleHeads = batch.heads
      .filter(({ fromVersion, head }) => this.runs.get(head.id)?.head.version !== fromVersion)
      .map(({ head }) => head.id)
    if (staleHeads.length > 0) return { kind: 'conflict', runIds: [...new Set(staleHeads)] }
    const staleTasks = batch.tasks
      .filter(({ runId, fromState, fromAttempt, task }) => {
        const stored = this.runs.get(runId)?.tasks[task.ordinal]
        return stored?.state !== fromState || stored.attempt !== fromAttempt
      })
      .map(({ runId }) => runId)
    if (staleTasks.length > 0) return { kind: 'conflict', runIds: [...new Set(staleTasks)] }
    this.#assertStorable(batch)
    this.#write(batch)
    return { kind: 'committed' }
  }

  #assertStorable({ heads, tasks }: EngineBatch): void {
    for (const { head } of heads) refuse(refusedRun(head))
    for (const { task } of tasks) refuse(refusedTask(task))
  }

  #write({ heads, tasks, attempts, deployments }: EngineBatch): void {
    for (const { head } of heads) {
      const run = this.runs.get(head.id)
      if (run !== undefined) run.head = head
    }
    for (const { runId, task } of tasks) {
      const run = this.runs.get(runId)
      if (run !== undefined) run.tasks[task.ordinal] = storable(task)
    }
    for (const { runId, ordinal, attempt } of attempts) {
      const history = this.runs.get(runId)?.attempts
      const key = `${ordinal}/${attempt.attempt}`
      if (history?.has(key) === false) history.set(key, { ordinal, ...storable(attempt) })
    }
    for (const { runId, ordinal, attempt, deployment } of deployments)
      this.#deploy(runId, ordinal, attempt, deployment)
  }

  #deploy(
    runId: string,
    ordinal: number,
    attempt: number,
    deployment: ModelVersionRecord['deployment'],
  ): void {
    const operatorId = this.runs.get(runId)?.dag.plan.operators[ordinal]?.id ?? ''
    const text = (key: string): string | null => {
      const value = deployment[key]
      return typeof value === 'string' && value !== '' ? value : null
    }
    const name = text('name') ?? operatorId
    const versions = this.models.get(name) ?? []
    this.models.set(name, versions)
    if (
      versions.some(
        (each) => each.operatorId === operatorId && each.runId === runId && each.attempt === attempt,
      )
    )
      return
    const alias = text('alias')
    versions.forEach((each, index) => {
      if (alias !== null && each.aliases.includes(alias)) versions[index] = { ...each, aliases: [] }
    })
    const uri = text('model_uri') ?? ''
    const version = versions.length + 1
    const createdAt = this.#now()
    const aliases = alias === null ? [] : [alias]
    const [archivedAt, createdBy] = [null, null]
    versions.push({
      name,
      version,
      aliases,
      runId,
      operatorId,
      attempt,
      uri,
      deployment,
      createdAt,
      archivedAt,
      createdBy,
    })
  }
}

/** What a violated constraint looks like to the engine: nothing that trying again would mend. */
function refuse(constraint: string | null): void {
  if (constraint === null) return
  throw new AppError('INTERNAL_ERROR', 'the database refused a statement', {
    details: { constraint },
    cause: Object.assign(new Error(`violates check constraint ${constraint}`), { code: '23514' }),
  })
}

/** A row twice in one batch can never match twice: a defect of the caller, which must not look like a conflict. */
function refuseDuplicates({ heads, tasks }: EngineBatch): void {
  const keys = [
    ...heads.map(({ head }) => head.id),
    ...tasks.map(({ runId, task }) => `${runId}/${task.ordinal}`),
  ]
  if (new Set(keys).size < keys.length)
    throw new AppError('INTERNAL_ERROR', 'a batch holds a run or an operator task twice')
}
