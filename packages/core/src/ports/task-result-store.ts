/** The state of a plain task as it is kept. `meta` is Celery's task meta, as JSON text. */
export interface TaskResultRow {
  readonly taskId: string
  readonly status: string
  readonly meta: string
}

/** As {@link TaskResultRow}, with a number that differs after each write. */
export interface TaskResultVersion extends TaskResultRow {
  readonly change: number
}

/** A chord's header member that has ended. `part` is JSON text. */
export interface TaskChordPart {
  readonly groupId: string
  readonly taskId: string
  /** Place in the header; null comes last, in order of arrival. */
  readonly groupIndex: number | null
  readonly part: string
  /** Who asks to publish the body if this part completes the header. Stays the same when the same worker asks again. */
  readonly holder: string
}

/** What a part did to its chord. */
export type TaskChordCount =
  | { readonly kind: 'waiting'; readonly counted: number; readonly size: number | null }
  /** The caller has the claim to publish the body, for the lease asked for. */
  | { readonly kind: 'complete' }
  /** Someone else has the claim, for so long. */
  | { readonly kind: 'claimed'; readonly retryAfterMs: number }
  | { readonly kind: 'ended' }

/**
 * Durable results, groups and chords of plain tasks. Each method is one transaction. Ids are texts of at most 255
 * characters. All methods throw AppError: STORE_UNAVAILABLE when the database cannot be reached or refuses writes.
 */
export interface TaskResultStore {
  /** Opens connections and checks the schema version. STORE_SCHEMA_OLDER / STORE_SCHEMA_NEWER. */
  start(): Promise<void>
  stop(): Promise<void>

  /** Writes states. A stored SUCCESS stays; FAILURE and REVOKED are replaced by an end only. `expiresMs`: null = kept for ever. Task ids differ within one call. */
  storeTaskResults(batch: {
    readonly results: readonly TaskResultRow[]
    readonly expiresMs: number | null
  }): Promise<void>
  /** Those that exist, in any order. */
  findTaskResults(taskIds: readonly string[]): Promise<readonly TaskResultVersion[]>
  /** Those of the given tasks whose change number is another than the given one (0: none seen yet). */
  findChangedTaskResults(
    seen: readonly { readonly taskId: string; readonly change: number }[],
  ): Promise<readonly TaskResultVersion[]>
  deleteTaskResults(taskIds: readonly string[]): Promise<void>

  /** `result`: Celery's result tuple as JSON text. */
  saveTaskGroup(group: {
    readonly groupId: string
    readonly result: string
    readonly expiresMs: number | null
  }): Promise<void>
  findTaskGroup(groupId: string): Promise<string | null>
  deleteTaskGroup(groupId: string): Promise<void>

  /** How many members the header has. Does nothing once the header was complete. */
  setTaskChordSize(chord: {
    readonly groupId: string
    readonly size: number
    readonly expiresMs: number | null
  }): Promise<void>
  /** So many members more. */
  growTaskChord(chord: {
    readonly groupId: string
    readonly members: number
    readonly expiresMs: number | null
  }): Promise<void>
  /**
   * Counts parts, each task once, and gives what each did, in the order of the parts. Of all callers that find a header
   * complete exactly one at a time has the claim; after `leaseMs` without {@link endTaskChord} the next caller gets it.
   */
  addTaskChordParts(batch: {
    readonly parts: readonly TaskChordPart[]
    readonly leaseMs: number
    readonly expiresMs: number | null
  }): Promise<readonly TaskChordCount[]>
  /** The counted parts, in the header's order. */
  listTaskChordParts(
    groupId: string,
  ): Promise<readonly Pick<TaskChordPart, 'taskId' | 'groupIndex' | 'part'>[]>
  /** The chord is over: its parts go, its row stays until it expires, so that repeated parts are known as such. */
  endTaskChord(groupId: string): Promise<void>

  /** Deletes what has expired, at most `limit` rows of each table; gives how many rows went. */
  deleteExpiredTaskResults(batch: { readonly limit: number }): Promise<number>
}
