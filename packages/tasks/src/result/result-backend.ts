import type { ResultTuple, TaskMeta } from './task-meta.ts'

/** What a worker tells about a task: where the answer goes beside its state. */
export interface StoredResult {
  readonly meta: TaskMeta
  /** Of the call; used by `rpc`, where null means that nobody waits. */
  readonly replyTo: string | null
}

/** One header member of a chord has ended. */
export interface ChordPart {
  readonly groupId: string
  readonly taskId: string
  /** Place in the header; null (added to the chord later) comes last. */
  readonly groupIndex: number | null
  readonly state: string
  readonly result: TaskMeta['result']
}

/** What became of a chord when a part was counted. */
export type ChordProgress =
  | { readonly kind: 'waiting'; readonly counted: number; readonly size: number | null }
  /**
   * The header is complete and the caller has the claim: it publishes the body (or fails it), calls `endChord`, and only
   * then acknowledges its task. Until then nobody else gets the claim, for the length of the lease; after it the next
   * part that is counted again does.
   */
  | { readonly kind: 'complete'; readonly parts: readonly ChordPart[] }
  /** The header is complete and another worker has the claim: keep the delivery and count the part again after this time. */
  | { readonly kind: 'claimed'; readonly retryAfterMs: number }
  /** The body was published or failed: nothing is left to do. */
  | { readonly kind: 'ended' }

export type ResultBackendName = 'rpc' | 'redis' | 'postgres' | 'memory' | 'disabled'

/**
 * Where results live. All methods throw AppError STORE_UNAVAILABLE (BROKER_UNAVAILABLE for `rpc`) when the service
 * cannot be reached: the worker keeps its delivery and tries again. What a backend does not offer throws
 * CONFIG_RESULT_BACKEND.
 */
export interface ResultBackend {
  readonly name: ResultBackendName
  /** Whether chords and saved groups are possible. */
  readonly hasChords: boolean
  /** What `reply_to` of calls must be; null where it does not matter. */
  readonly replyTo: string | null
  start(): Promise<void>
  /** Idempotent; legal before `start`. Watches end without a word. */
  stop(): Promise<void>
  /** Stores or sends states, in order. An end is overwritten by an end only, a SUCCESS never. Cheaper for many at once than one by one. */
  store(results: readonly StoredResult[]): Promise<void>
  /** The states that are known now, by task id; `rpc`: those that have arrived here. */
  find(taskIds: readonly string[]): Promise<ReadonlyMap<string, TaskMeta>>
  /**
   * Calls `onMeta` with the states of these tasks as they become known, one that is stored already first. A state between
   * two others may be skipped, and one may be told twice; a final state (see `readyStates`) is told once and ends the watch
   * of its task. The watch outlives lost connections. Resolves when nothing can be missed any more, to its removal.
   */
  watch(taskIds: readonly string[], onMeta: (meta: TaskMeta) => void): Promise<() => void>
  forget(taskIds: readonly string[]): Promise<void>
  saveGroup(groupId: string, result: ResultTuple): Promise<void>
  findGroup(groupId: string): Promise<ResultTuple | null>
  forgetGroup(groupId: string): Promise<void>
  /** Members that the header has; set before the last of them is published. */
  setChordSize(groupId: string, size: number): Promise<void>
  /** `add_to_chord`: so many members more. */
  growChord(groupId: string, members: number): Promise<void>
  /** Counts a part, once per task id however often it is told; see {@link ChordProgress} for what the caller does then. */
  addChordPart(part: ChordPart): Promise<ChordProgress>
  /**
   * The chord is over. `failed`: the body does not run; the parts are kept until they expire where Celery keeps them.
   */
  endChord(groupId: string, outcome: 'published' | 'failed'): Promise<void>
  /**
   * Deletes what has expired, where the service does not do so by itself (`celery.backend_cleanup`); gives how many rows
   * went.
   */
  removeExpired(): Promise<number>
}
