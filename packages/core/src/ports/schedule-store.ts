import type { Instant, JsonValue } from '../json.ts'
import type {
  FiringCause,
  FiringRecord,
  ScheduleRecord,
  ScheduleSettings,
  ScheduleTarget,
  TaskTarget,
} from '../schedule.ts'
import type { SubmissionGate } from './admission-store.ts'
import type { Page } from './store.ts'

export interface NewSchedule extends ScheduleSettings {
  readonly name: string
  readonly target: ScheduleTarget
}

/** What a firing starts, resolved; or why it cannot be. */
export type FiringStart =
  | {
      readonly kind: 'run'
      readonly dagId: string
      readonly dagVersion: number
      readonly datasets: Readonly<Record<string, JsonValue>>
      readonly gate?: SubmissionGate
    }
  | { readonly kind: 'task'; readonly task: TaskTarget }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }

export interface FireRequest {
  /** As the caller read it: nothing is fired when it was edited or fired by somebody else in the meantime. */
  readonly schedule: ScheduleRecord
  readonly cause: FiringCause
  /** Due times with the ids of their firings, ascending. */
  readonly due: readonly { readonly id: string; readonly dueAt: Instant }[]
  /** A due time to record as missed. */
  readonly missed: { readonly id: string; readonly dueAt: Instant } | null
  /** The due time to wait for from now on; a firing that was asked for changes nothing about it. */
  readonly nextDueAt: Instant | null
  readonly start: FiringStart
}

export type FireOutcome =
  | { readonly kind: 'fired'; readonly firings: readonly FiringRecord[] }
  /** Nothing was written: somebody else has fired or edited the entry, or does so at this moment. */
  | { readonly kind: 'taken' }

/** A firing that was started and has not ended, as far as is known. */
export interface ActiveFiring {
  readonly id: string
  readonly kind: FiringRecord['kind']
}

export interface WaitingFiring {
  readonly firing: FiringRecord
  readonly schedule: ScheduleRecord
  /** What it waits for. */
  readonly active: readonly ActiveFiring[]
}

/** A task of a firing that the broker has not confirmed yet. */
export interface ScheduledTask {
  /** Id of the firing and of the task. */
  readonly id: string
  readonly task: TaskTarget
  readonly scheduleName: string
  readonly createdAt: Instant
}

/**
 * Schedules and their firings. Each method is one transaction, and the database's clock is the only one that counts.
 * A due time of an entry is fired once, whoever asks and how often: the firing, the run or task that it starts and the
 * entry's next due time are written together.
 */
export interface ScheduleStore {
  /** The database's time. */
  readClock(): Promise<Instant>

  /** CONFLICT_SCHEDULE_EXISTS. */
  createSchedule(schedule: NewSchedule): Promise<ScheduleRecord>
  findSchedule(name: string): Promise<ScheduleRecord | null>
  /** By name. */
  listSchedules(page: { readonly limit: number; readonly cursor?: string }): Promise<Page<ScheduleRecord>>
  /** Null, and nothing is written, unless the entry has this version. Disabling it gives up what waits. */
  updateSchedule(change: {
    readonly id: string
    readonly fromVersion: number
    readonly settings: ScheduleSettings
    readonly target: ScheduleTarget
  }): Promise<ScheduleRecord | null>
  /** The entry with its firings; runs and tasks that were started go on. Null: there is none. */
  deleteSchedule(name: string): Promise<ScheduleRecord | null>

  /** Entries whose due time has come, the earliest first, and the next due time of all others. */
  listDueSchedules(query: { readonly limit: number }): Promise<{
    readonly now: Instant
    readonly schedules: readonly ScheduleRecord[]
    /** The first due time that has not come yet; null: there is none. */
    readonly nextDueAt: Instant | null
  }>
  /**
   * A due firing for which too many runs are open waits, where its entry lets firings wait, or is skipped; one that was
   * asked for throws LIMIT_OPEN_RUNS.
   */
  fireSchedule(request: FireRequest): Promise<FireOutcome>
  /** Of each enabled entry the firing that has waited longest. */
  listWaitingFirings(query: { readonly limit: number }): Promise<readonly WaitingFiring[]>
  /** Starts a firing that waits, unless something of its entry is active or too many runs are open. */
  startWaitingFiring(request: {
    readonly firingId: string
    readonly scheduleId: string
    readonly start: FiringStart
  }): Promise<FireOutcome>
  /** Firings of an entry, the latest due time first. */
  listFirings(query: {
    readonly scheduleId: string
    readonly limit: number
    readonly cursor?: string
  }): Promise<Page<FiringRecord>>
  /** Deletes firings that were recorded longer ago and do not wait, `limit` at most; gives how many. */
  deleteOldFirings(batch: { readonly olderThanMs: number; readonly limit: number }): Promise<number>

  /** Tasks to publish, for the caller alone until the lease ends: who publishes one removes it. */
  claimScheduledTasks(claim: {
    readonly limit: number
    readonly leaseMs: number
  }): Promise<readonly ScheduledTask[]>
  /** Of these the broker has confirmed the message, or it can never be sent (`failures`). */
  removeScheduledTasks(done: {
    readonly ids: readonly string[]
    readonly failures: readonly { readonly id: string; readonly code: string; readonly message: string }[]
  }): Promise<void>
}
