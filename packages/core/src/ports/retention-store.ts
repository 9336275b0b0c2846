import type { Instant } from '../json.ts'

/** What of a run's files is to be removed. `run`: all of them, since the run itself is gone. */
export type FileRemovalKind = 'run' | 'logs' | 'artifacts'

/** Files that the policy has given up and that may still be there. */
export interface FileRemoval {
  readonly runId: string
  readonly kind: FileRemovalKind
}

/** Numbers of what one pass removed. */
export interface RetentionCounts {
  readonly runs: number
  readonly operatorTasks: number
  /** Runs whose logs or artifacts were given up while the run itself stays. */
  readonly logs: number
  readonly artifacts: number
  readonly taskResults: number
  readonly auditEntries: number
  /** Archived versions of models. */
  readonly modelVersions: number
  /** Removals of files that were carried out, and that failed and are tried again. */
  readonly files: number
  readonly filesFailed: number
}

export interface RetentionState {
  /** Who is at it now; null: nobody. */
  readonly holder: string | null
  /** The last pass: of `holder`, or the one before. Null: there was none. */
  readonly startedAt: Instant | null
  /** The last pass that removed all that was due; at first when the database was set up, as nothing was due before. */
  readonly succeededAt: Instant
  /** What the last pass removed that came to its end. */
  readonly removed: RetentionCounts | null
}

/** A place in the order in which runs finished. */
export interface FinishedRunCursor {
  readonly finishedAt: Instant
  readonly runId: string
}

/** Only runs that finished, and were created, before these moments, and entries made before; null: kept for ever. */
export interface RetentionLimits {
  readonly runs: Instant | null
  readonly logs: Instant | null
  readonly artifacts: Instant | null
  /** Of the audit log. */
  readonly audit: Instant | null
  /** Versions of models that were archived before. */
  readonly modelVersions: Instant | null
}

/** What a pass would find. */
export interface ExpiredCounts {
  readonly runs: number
  readonly operatorTasks: number
  /** Runs that would go, were there not a version of a model that came from them. */
  readonly runsKeptForModels: number
  /** Runs that stay but lose their logs or artifacts. */
  readonly logs: number
  readonly artifacts: number
  readonly taskResults: number
  readonly auditEntries: number
  /** Archived versions of models, those among them that must stay for now. */
  readonly modelVersions: number
  readonly fileRemovals: number
}

/**
 * Deletion of what is old, in batches of short transactions that never wait for a row which somebody else holds, and
 * never hold one that the engine writes: only runs that are final are touched.
 *
 * A run goes in one transaction, which leaves behind a record that its files are still there; they go after it. So a
 * process that dies in between leaves files that the next pass knows of, and files of runs that this database never
 * knew (another installation's) are nobody's business.
 */
export interface RetentionStore {
  readRetention(): Promise<RetentionState>
  /**
   * Takes or renews the right to clean up, for `leaseMs`. False: another holder has it, or (only when taking it) the
   * last pass succeeded less than `restMs` ago. Two holders at once would do no harm but to each other's time.
   */
  claimRetention(claim: {
    readonly holder: string
    readonly leaseMs: number
    readonly restMs: number
  }): Promise<boolean>
  /** Gives the right back. */
  endRetention(end: {
    readonly holder: string
    readonly isSuccess: boolean
    readonly removed: RetentionCounts
  }): Promise<void>

  /**
   * Deletes one batch of runs with their operator tasks and attempts, those that finished first, unless a version of a
   * model came from them. At most `maxRuns`, and of these no more than have `maxTasks` operator tasks together, but one.
   * `next` is null when there are no more.
   */
  retireRuns(batch: {
    readonly finishedBefore: Instant
    readonly after: FinishedRunCursor | null
    readonly maxRuns: number
    readonly maxTasks: number
  }): Promise<{
    readonly runs: number
    readonly operatorTasks: number
    readonly next: FinishedRunCursor | null
  }>
  /**
   * Gives up the logs, or the artifacts, of the next batch of finished runs. Where it stopped is remembered in the
   * database, so that each run comes up once. Artifacts of runs from which a version of a model came stay.
   */
  retireFiles(batch: {
    readonly kind: 'logs' | 'artifacts'
    readonly finishedBefore: Instant
    readonly limit: number
  }): Promise<{ readonly runs: number; readonly isDone: boolean }>
  /** Oldest first. */
  listFileRemovals(page: {
    readonly limit: number
    readonly after: { readonly retiredAt: Instant; readonly removal: FileRemoval } | null
  }): Promise<readonly { readonly retiredAt: Instant; readonly removal: FileRemoval }[]>
  /** Of these nothing is left. */
  forgetFileRemovals(removals: readonly FileRemoval[]): Promise<void>
  /** One batch of results, groups and chords of plain tasks that have expired; gives how many. */
  deleteExpiredTaskResults(batch: { readonly limit: number }): Promise<number>
  /** One batch of entries of the audit log that were made before, the oldest first; gives how many. */
  deleteOldAudit(batch: { readonly madeBefore: Instant; readonly limit: number }): Promise<number>

  countExpired(limits: RetentionLimits): Promise<ExpiredCounts>
  /** The first of the runs that would go, or lose these files. */
  listExpiredRuns(query: {
    readonly kind: FileRemovalKind
    readonly finishedBefore: Instant
    readonly limit: number
  }): Promise<readonly string[]>
}
