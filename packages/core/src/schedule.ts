import type { Instant, JsonObject, JsonValue } from './json.ts'
import type { CatchUp, OverlapPolicy } from './schedule-policy.ts'

/** What a firing starts. */
export type ScheduleTarget = DagTarget | TaskTarget

/** A run of a registered DAG. */
export interface DagTarget {
  readonly kind: 'dag'
  /** Id or name. */
  readonly dag: string
  /** Null: the newest at the time of the firing. */
  readonly version: number | null
}

/** A plain Celery task. */
export interface TaskTarget {
  readonly kind: 'task'
  readonly task: string
  readonly args: readonly JsonValue[]
  readonly kwargs: JsonObject
  /** Null: the platform's queue for plain tasks. */
  readonly queue: string | null
  /** 0 … 255. */
  readonly priority: number
  /** Counted from the firing: a worker that gets the task later does not run it. Seconds; null: never. */
  readonly expiresS: number | null
  /** Seconds. */
  readonly timeLimitS: number | null
  readonly softTimeLimitS: number | null
  readonly ignoreResult: boolean
}

/** When an entry comes due and what happens then; without its name, its target and what the platform keeps about it. */
export interface ScheduleSettings {
  /** Cron expression, interval or event of the sun, as contracts' `scheduleSpecSchema` reads it. */
  readonly spec: JsonObject
  readonly catchUp: CatchUp
  readonly overlap: OverlapPolicy
  /** A plain task whose result has not come after this time counts as ended. Milliseconds. */
  readonly overlapLimitMs: number
  /** No due time after this one counts. */
  readonly endAt: Instant | null
  readonly isEnabled: boolean
  /** Where intervals are counted from. */
  readonly anchorAt: Instant
  /** The first due time; null: there is none. */
  readonly nextDueAt: Instant | null
}

export interface ScheduleRecord extends ScheduleSettings {
  /** Ids of firings come from it: an entry that is removed and made again is another one. */
  readonly id: string
  readonly name: string
  readonly target: ScheduleTarget
  /** The DAG whose document brings the entry along; null: it was made by itself. */
  readonly ownerDagId: string | null
  /** Grows with each edit. */
  readonly version: number
  /** The latest due time that was looked at. */
  readonly lastDueAt: Instant | null
  readonly createdAt: Instant
  readonly updatedAt: Instant
}

/**
 * - `waiting`: earlier firings of the entry have not ended;
 * - `started`: the run exists, or the task's message is on its way;
 * - `skipped`: not started, by a policy of the entry;
 * - `failed`: could not be started.
 */
export const firingStates = ['waiting', 'started', 'skipped', 'failed'] as const
export type FiringState = (typeof firingStates)[number]

/**
 * Why a firing was skipped.
 * - `missed`: it passed while nobody looked, and nothing is caught up;
 * - `overlap`: an earlier one still runs;
 * - `queue_full`: too many wait already;
 * - `superseded`: a later one took its place while it waited;
 * - `disabled`: the entry was disabled while it waited;
 * - `open_runs`: as many runs are open as the limit allows, and firings of the entry do not wait.
 */
export const skipReasons = ['missed', 'overlap', 'queue_full', 'superseded', 'disabled', 'open_runs'] as const
export type SkipReason = (typeof skipReasons)[number]

/** `due`: its time came; `manual`: somebody asked for it. */
export const firingCauses = ['due', 'manual'] as const
export type FiringCause = (typeof firingCauses)[number]

export interface FiringRecord {
  /** Also the id of the run or task that it starts. */
  readonly id: string
  readonly scheduleId: string
  readonly dueAt: Instant
  readonly cause: FiringCause
  readonly state: FiringState
  /** A skip reason, or the error code of a failed one. */
  readonly reason: string | null
  /** What the error said. */
  readonly message: string | null
  readonly kind: 'run' | 'task'
  readonly createdAt: Instant
  readonly startedAt: Instant | null
}
