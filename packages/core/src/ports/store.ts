import type { EndedAttempt } from '../engine-event.ts'
import type { Instant, JsonObject, JsonValue } from '../json.ts'
import type { DagPlan, PlanOperator } from '../plan.ts'
import type { OperatorTask, RunHead } from '../run.ts'
import type { OpenRunState, OperatorTaskState, RunState } from '../states.ts'
import type { ScheduleSettings } from '../schedule.ts'
import type { AccountStore } from './account-store.ts'
import type { AdmissionStore, SubmissionGate } from './admission-store.ts'
import type { IrisStore } from './iris-store.ts'
import type { ModelRegistry } from './model-registry.ts'
import type { RetentionStore } from './retention-store.ts'
import type { ScheduleStore } from './schedule-store.ts'
import type { TaskResultStore } from './task-result-store.ts'

export interface DagVersionRecord {
  readonly dagId: string
  readonly name: string
  readonly version: number
  /** The document as it was sent. */
  readonly source: string
  readonly document: JsonObject
  readonly plan: DagPlan
  readonly contentHash: string
  readonly createdAt: Instant
}

export interface NewDag {
  readonly name: string
  readonly source: string
  readonly document: JsonObject
  readonly plan: DagPlan
  readonly contentHash: string
  /**
   * The schedule that a document brings along: a new version creates or changes the entry of the DAG's name, and with
   * null removes the one that an earlier version brought. Left out: entries stay as they are.
   */
  readonly schedule?: ScheduleSettings | null
  /** Runs of the DAG that may be active at a time, from this version on; left out or null: no limit. */
  readonly maxActiveRuns?: number | null
  /**
   * A document that nobody wrote: it must not take away the schedule or the limit that an earlier version brought.
   * CONFLICT_DAG_SETTINGS.
   */
  readonly isMade?: boolean
}

export interface NewRun {
  readonly id: string
  readonly dagId: string
  readonly dagVersion: number
  readonly datasets: Readonly<Record<string, JsonValue>>
  readonly idempotencyKey: string | null
  /** Who asks for it: the name of a user or a token, `schedule:<name>`. Left out: nobody knows. */
  readonly submittedBy?: string | null
  readonly gate?: SubmissionGate
}

/**
 * A page of a list, newest first. `cursor` of the last page is null. What is added while someone pages comes before the
 * pages already read and moves none of them; a DAG or data set that is registered anew goes there too.
 */
export interface Page<T> {
  readonly items: readonly T[]
  readonly cursor: string | null
}

export interface RunSummary {
  readonly id: string
  readonly dagId: string
  readonly dagName: string
  readonly dagVersion: number
  readonly state: RunState
  readonly createdAt: Instant
  readonly startedAt: Instant | null
  readonly finishedAt: Instant | null
  readonly version: number
}

export interface RunRecord extends RunSummary {
  readonly head: RunHead
  /** False: it waits in the database until `admitRuns` lets it through; nobody takes it up before. */
  readonly isAdmitted: boolean
  /** The name of a user or a token, `schedule:<name>`; null: a version that did not write it down accepted the run. */
  readonly submittedBy: string | null
  readonly plan: DagPlan
  readonly tasks: readonly OperatorTask[]
}

/** One operator of a run's plan, and what became of it. */
export interface OperatorTaskRecord {
  readonly operator: PlanOperator
  readonly task: OperatorTask
}

/** The change of one operator task, fenced by the state and attempt that the writer saw in the database. */
export interface TaskWrite {
  readonly runId: string
  readonly fromState: OperatorTaskState
  readonly fromAttempt: number
  readonly task: OperatorTask
}

export interface HeadWrite {
  readonly fromVersion: number
  readonly head: RunHead
}

export interface AttemptWrite {
  readonly runId: string
  readonly ordinal: number
  readonly attempt: EndedAttempt
}

export interface DeploymentWrite {
  readonly runId: string
  readonly ordinal: number
  readonly attempt: number
  readonly deployment: JsonObject
}

export interface EngineBatch {
  /** Partitions touched, with the epoch under which the writer owns them. */
  readonly fences: readonly { readonly partition: number; readonly epoch: number }[]
  readonly heads: readonly HeadWrite[]
  readonly tasks: readonly TaskWrite[]
  readonly attempts: readonly AttemptWrite[]
  readonly deployments: readonly DeploymentWrite[]
}

export type CommitOutcome =
  | { readonly kind: 'committed' }
  /** Nothing was written: these partitions belong to someone else now. */
  | { readonly kind: 'fenced'; readonly partitions: readonly number[] }
  /** Nothing was written: rows of these runs are not as the writer believed. Reload them. */
  | { readonly kind: 'conflict'; readonly runIds: readonly string[] }

export interface DatasetColumn {
  readonly name: string
  readonly type: 'integer' | 'number' | 'boolean' | 'date' | 'datetime' | 'string'
  /** Missing cells; null where the file does not say (Parquet without statistics). */
  readonly nulls: number | null
}

export interface DatasetRecord {
  readonly id: number
  readonly name: string
  readonly format: 'csv' | 'parquet'
  readonly uri: string
  readonly bytes: number
  readonly rows: number | null
  readonly sha256: string
  readonly rename: Readonly<Record<string, string>>
  readonly columns: readonly DatasetColumn[]
  readonly createdAt: Instant
}

/** Numbers of unfinished runs, and of their operator tasks, finished ones included. */
export interface OpenWork {
  readonly runs: Readonly<Record<OpenRunState, number>>
  readonly operatorTasks: Readonly<Record<OperatorTaskState, number>>
  /** Of the queued runs those that wait to be admitted. */
  readonly waitingRuns: number
}

export interface AttemptRecord extends EndedAttempt {
  readonly ordinal: number
}

/**
 * Everything durable. Each method is one transaction. All methods throw AppError: STORE_UNAVAILABLE when the database
 * cannot be reached or refuses writes, and the codes named below.
 */
export interface Store
  extends
    ScheduleStore,
    AdmissionStore,
    RetentionStore,
    AccountStore,
    IrisStore,
    ModelRegistry,
    Pick<TaskResultStore, 'findTaskResults'> {
  /** Opens connections and checks the schema version. STORE_SCHEMA_OLDER / STORE_SCHEMA_NEWER. */
  start(): Promise<void>
  stop(): Promise<void>
  /** Resolves when the database answers and takes writes. STORE_UNAVAILABLE. */
  ping(): Promise<void>

  /** Registers a DAG version; the same content under the same name gives the existing version (`isNew` false). CONFLICT_SCHEDULE_EXISTS, CONFLICT_DAG_SETTINGS. */
  registerDag(dag: NewDag): Promise<{ readonly version: DagVersionRecord; readonly isNew: boolean }>
  findDagVersion(dag: {
    readonly idOrName: string
    readonly version?: number
  }): Promise<DagVersionRecord | null>
  listDags(page: {
    readonly limit: number
    readonly cursor?: string
  }): Promise<Page<Omit<DagVersionRecord, 'plan' | 'document' | 'source'>>>

  /**
   * Inserts the run (`queued`) and its operator tasks (`pending`). The same idempotency key gives the existing run,
   * whatever the limits. LIMIT_OPEN_RUNS.
   */
  createRun(
    run: NewRun,
  ): Promise<{ readonly head: RunHead; readonly isNew: boolean; readonly isAdmitted: boolean }>
  findRun(id: string): Promise<RunRecord | null>
  findRunHead(id: string): Promise<RunHead | null>
  /** One operator task, without the rest of its run. Null when there is no such run, or the run has no such operator. */
  findOperatorTask(query: {
    readonly runId: string
    readonly operatorId: string
  }): Promise<OperatorTaskRecord | null>
  listRuns(page: {
    readonly limit: number
    readonly cursor?: string
    readonly state?: RunState
  }): Promise<Page<RunSummary>>
  /** Earlier attempts of a run's operator tasks, oldest first. */
  listAttempts(runId: string): Promise<readonly AttemptRecord[]>

  /** Makes `owner` the writer of the partition: raises its epoch, so that every earlier owner is fenced off. */
  claimPartition(claim: {
    readonly partition: number
    readonly owner: string
  }): Promise<{ readonly epoch: number }>
  /** Ids of the partition's runs that are not final, oldest first; with `startedOnly` without those still `queued`. */
  listOpenRuns(query: {
    readonly partition: number
    readonly startedOnly?: boolean
  }): Promise<readonly string[]>
  /** Of these partitions, the ids of runs that are admitted and still `queued`: the outbox of `run.created`. */
  listQueuedRuns(query: {
    readonly partitions: readonly number[]
    readonly limit: number
  }): Promise<readonly { readonly id: string; readonly partition: number }[]>
  /** For metrics. Costs in proportion to what is unfinished, whatever number of finished runs there are. */
  countOpenWork(): Promise<OpenWork>
  commitBatch(batch: EngineBatch): Promise<CommitOutcome>

  /** CONFLICT_DATASET_EXISTS when the id is taken, unless `replace`. Without `id` the next free one is given. */
  createDataset(
    dataset: Omit<DatasetRecord, 'id' | 'createdAt'> & { readonly id?: number; readonly replace: boolean },
  ): Promise<DatasetRecord>
  findDatasets(ids: readonly number[]): Promise<readonly DatasetRecord[]>
  listDatasets(page: { readonly limit: number; readonly cursor?: string }): Promise<Page<DatasetRecord>>
}
