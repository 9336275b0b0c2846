import type { Instant, JsonObject } from '../json.ts'
import type { Page } from './store.ts'

/** The version that `champion` names serves what asks for no version in particular; without one, the newest does. */
export const championAlias = 'champion'
export const candidateAlias = 'candidate'

/** A registered version. Immutable but for `aliases` and `archivedAt`. */
export interface ModelVersionRecord {
  readonly name: string
  readonly version: number
  /** In alphabetical order. */
  readonly aliases: readonly string[]
  readonly runId: string
  readonly operatorId: string
  readonly attempt: number
  readonly uri: string
  /** What the deploying operator said: signature, metrics, lineage, how it is served. */
  readonly deployment: JsonObject
  readonly createdAt: Instant
  /** Not null: it is kept, but neither served nor given an alias. */
  readonly archivedAt: Instant | null
  /** Who submitted the run that registered it; null: the run does not say. */
  readonly createdBy: string | null
}

/** A share of the requests that name no version. */
export interface TrafficShare {
  readonly version: number
  /** 0 … 100, fractions allowed. */
  readonly percent: number
}

/** Where requests go that name no version. */
export interface ModelRoute {
  readonly name: string
  /** Grows with every change of the model's aliases, traffic and versions. */
  readonly revision: number
  /** The champion, else the newest version that is not archived. */
  readonly primary: ModelVersionRecord
  /** Answers this share instead of the primary. */
  readonly canary: { readonly version: ModelVersionRecord; readonly percent: number } | null
  /** Is asked as well for this share; its answers are compared and dropped. */
  readonly shadow: { readonly version: ModelVersionRecord; readonly percent: number } | null
}

export const modelChangeKinds = [
  'registered',
  'alias_set',
  'alias_removed',
  'promoted',
  'rolled_back',
  'traffic_set',
  'archived',
  'restored',
  'deleted',
] as const
export type ModelChangeKind = (typeof modelChangeKinds)[number]

/** What happened to a model, newest first in lists. */
export interface ModelChange {
  readonly kind: ModelChangeKind
  readonly version: number | null
  readonly alias: string | null
  /** The version that the alias named before. */
  readonly previousVersion: number | null
  /** As the change left it; null for a change that left it alone. */
  readonly traffic: { readonly canary: TrafficShare | null; readonly shadow: TrafficShare | null } | null
  /** The model's revision that this change made. */
  readonly revision: number
  /** Who did it; of a version that a run registered, who submitted the run. Null: the run does not say. */
  readonly actor: string | null
  readonly at: Instant
}

export interface ModelSummary {
  readonly name: string
  readonly revision: number
  readonly latestVersion: number
  /** Alias → version. */
  readonly aliases: Readonly<Record<string, number>>
  readonly canary: TrafficShare | null
  readonly shadow: TrafficShare | null
}

/** A place in the order in which versions were archived. */
export interface ArchivedVersionCursor {
  readonly archivedAt: Instant
  readonly id: number
}

export interface ArchivedVersion {
  readonly name: string
  readonly version: number
  readonly cursor: ArchivedVersionCursor
}

/** The registry part of the store. */
export interface ModelRegistry {
  /** Newest first; with `runId` those that the run registered. */
  listModelVersions(page: {
    readonly name?: string
    readonly runId?: string
    readonly limit: number
    readonly cursor?: string
  }): Promise<Page<ModelVersionRecord>>
  /** By version number, by alias, or (neither) the newest. */
  findModelVersion(query: {
    readonly name: string
    readonly version?: number
    readonly alias?: string
  }): Promise<ModelVersionRecord | null>
  findModel(name: string): Promise<ModelSummary | null>
  /** Null: no such model, or all of its versions are archived. */
  findModelRoute(name: string): Promise<ModelRoute | null>
  /** For caches: the revision of each of these models that exists. */
  listModelRevisions(names: readonly string[]): Promise<ReadonlyMap<string, number>>
  listModelChanges(page: {
    readonly name: string
    readonly limit: number
    readonly cursor?: string
  }): Promise<Page<ModelChange>>
  /**
   * Points the alias at a version; a new champion loses the share of traffic it had. NOT_FOUND_MODEL,
   * CONFLICT_MODEL_ARCHIVED. The same again changes nothing.
   */
  setModelAlias(change: {
    readonly name: string
    readonly alias: string
    readonly version: number
    readonly actor: string | null
    readonly kind?: 'alias_set' | 'promoted'
  }): Promise<ModelSummary>
  /** NOT_FOUND_MODEL, also when the model has no such alias. */
  removeModelAlias(change: {
    readonly name: string
    readonly alias: string
    readonly actor: string | null
  }): Promise<ModelSummary>
  /**
   * Makes the version that `champion` named before the last change champion again, and ends canary traffic; done again,
   * it goes one change further back. CONFLICT_MODEL_NO_PREVIOUS when there is none, or it is archived.
   */
  rollbackModel(change: { readonly name: string; readonly actor: string | null }): Promise<ModelSummary>
  /** Replaces both. NOT_FOUND_MODEL, CONFLICT_MODEL_ARCHIVED. */
  setModelTraffic(change: {
    readonly name: string
    readonly canary: TrafficShare | null
    readonly shadow: TrafficShare | null
    readonly actor: string | null
  }): Promise<ModelSummary>
  /** CONFLICT_MODEL_IN_USE while an alias or traffic names it. The same again changes nothing. */
  archiveModelVersion(change: {
    readonly name: string
    readonly version: number
    readonly isArchived: boolean
    readonly actor: string | null
  }): Promise<ModelVersionRecord>
  /**
   * Deletes an archived version for good; its number is not given again. The artifacts of the run that it came from are
   * given up to retention, unless another version came from that run. CONFLICT_MODEL_NOT_ARCHIVED; CONFLICT_MODEL_IN_USE
   * while an alias or traffic names it, a rollback would make it champion, or an open run made it or scores with it.
   */
  deleteModelVersion(change: {
    readonly name: string
    readonly version: number
    readonly actor: string | null
    /** Only if it was archived before this moment. */
    readonly archivedBefore?: Instant
  }): Promise<ModelVersionRecord>
  /** Versions that were archived before this moment, those first that were archived first. */
  listArchivedModelVersions(page: {
    readonly archivedBefore: Instant
    readonly after: ArchivedVersionCursor | null
    readonly limit: number
  }): Promise<readonly ArchivedVersion[]>
}
