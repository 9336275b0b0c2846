import type { EndedAttempt } from '../engine-event.ts'
import type { Instant, JsonObject, JsonValue } from '../json.ts'
import type { DagPlan } from '../plan.ts'
import type { OperatorTask, RunHead } from '../run.ts'
import type { OperatorTaskState, RunState } from '../states.ts'

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
}

export interface NewRun {
  readonly id: string
  readonly dagId: string
  readonly dagVersion: number
  readonly datasets: Readonly<Record<string, JsonValue>>
  readonly idempotencyKey: string | null
}

/** A page of a list, newest first. `cursor` of the last page is null. */
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
  readonly plan: DagPlan
  readonly tasks: readonly OperatorTask[]
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
  readonly nulls: number
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

export interface ModelVersionRecord {
  readonly name: string
  readonly version: number
  readonly alias: string | null
  readonly runId: string
  readonly operatorId: string
  readonly attempt: number
  readonly uri: string
  readonly deployment: JsonObject
  readonly createdAt: Instant
}

export interface AttemptRecord extends EndedAttempt {
  readonly ordinal: number
}

/**
 * Everything durable. Each method is one transaction. All methods throw AppError: STORE_UNAVAILABLE when the database
 * cannot be reached or refuses writes, and the codes named below.
 */
export interface Store {
  /** Opens connections and checks the schema version. STORE_SCHEMA_OLDER / STORE_SCHEMA_NEWER. */
  start(): Promise<void>
  stop(): Promise<void>
  ping(): Promise<void>

  /** Registers a DAG version; the same content under the same name gives the existing version (`isNew` false). */
  registerDag(dag: NewDag): Promise<{ readonly version: DagVersionRecord; readonly isNew: boolean }>
  findDagVersion(dag: {
    readonly idOrName: string
    readonly version?: number
  }): Promise<DagVersionRecord | null>
  listDags(page: {
    readonly limit: number
    readonly cursor?: string
  }): Promise<Page<Omit<DagVersionRecord, 'plan' | 'document' | 'source'>>>

  /** Inserts the run (`queued`) and its operator tasks (`pending`). The same idempotency key gives the existing run. */
  createRun(run: NewRun): Promise<{ readonly head: RunHead; readonly isNew: boolean }>
  findRun(id: string): Promise<RunRecord | null>
  findRunHead(id: string): Promise<RunHead | null>
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
  /** Ids of the partition's runs that are not final, oldest first. */
  listOpenRuns(query: { readonly partition: number }): Promise<readonly string[]>
  /** Of these partitions, the ids of runs still `queued`: the outbox of `run.created`. */
  listQueuedRuns(query: {
    readonly partitions: readonly number[]
    readonly limit: number
  }): Promise<readonly { readonly id: string; readonly partition: number }[]>
  commitBatch(batch: EngineBatch): Promise<CommitOutcome>

  /** CONFLICT_DATASET_EXISTS when the id is taken, unless `replace`. Without `id` the next free one is given. */
  createDataset(
    dataset: Omit<DatasetRecord, 'id' | 'createdAt'> & { readonly id?: number; readonly replace: boolean },
  ): Promise<DatasetRecord>
  findDatasets(ids: readonly number[]): Promise<readonly DatasetRecord[]>
  listDatasets(page: { readonly limit: number; readonly cursor?: string }): Promise<Page<DatasetRecord>>

  listModelVersions(page: {
    readonly name?: string
    readonly limit: number
    readonly cursor?: string
  }): Promise<Page<ModelVersionRecord>>
  /** By version number, by alias, or (neither) the newest. */
  findModelVersion(query: {
    readonly name: string
    readonly version?: number
    readonly alias?: string
  }): Promise<ModelVersionRecord | null>
}
