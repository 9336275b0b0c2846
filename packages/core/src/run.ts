import type { ErrorCode } from './error-codes.ts'
import type { Instant, JsonObject, JsonValue } from './json.ts'
import type { DagPlan } from './plan.ts'
import { isFinalTaskState, type OperatorTaskState, type RunState } from './states.ts'

/** Why an attempt ended badly, as users see it. */
export interface TaskFailure {
  readonly code: ErrorCode
  readonly message: string
  readonly excType?: string
  readonly traceback?: string
  readonly details?: JsonObject
}

export interface ArtifactRef {
  readonly type: 'Table' | 'Model' | 'Transform' | 'Report' | 'Deployment'
  readonly uri: string
  readonly rows?: number
}

/** What a plain task returned. */
export interface ReturnedValue {
  /** Cut off: the beginning of the value's JSON text, in place of the value; null when nothing of it could be read. */
  readonly value: JsonValue
  readonly isCutOff: boolean
}

/** What a successful attempt produced. References only: the data is in the artifact store. */
export interface TaskResult {
  /** Output port (decimal string) → artifact. */
  readonly outputs: Readonly<Record<string, ArtifactRef>>
  readonly metrics: Readonly<Record<string, number>>
  /** Parameters that were dropped, renamed or rewritten for the installed libraries. */
  readonly compat: readonly JsonObject[]
  /** Present when the operator deployed a model: registered in the same transaction as the success. */
  readonly deployment?: JsonObject
  /** Present when the operator chose to be skipped. */
  readonly skipped?: string
  /** Present when the operator is a plain task. */
  readonly returned?: ReturnedValue
}

export interface TaskProgress {
  readonly current: number
  readonly total: number
  readonly message: string
}

/** One operator within one run. Replaced, never changed in place. */
export interface OperatorTask {
  readonly ordinal: number
  readonly state: OperatorTaskState
  /** 0 = never dispatched; else the number of the current or last attempt. Never decreases. */
  readonly attempt: number
  /** Celery task id of the current or last attempt. */
  readonly attemptId: string | null
  /** Retries used since the run started or was last rerun. */
  readonly retries: number
  /** Attempts lost with their workers since the run started or was last rerun; they cost no retry. */
  readonly losses: number
  readonly readyAt: Instant | null
  readonly startedAt: Instant | null
  readonly finishedAt: Instant | null
  /** When the next attempt is due; set exactly in `retry_wait`. */
  readonly retryAt: Instant | null
  readonly worker: string | null
  /** Its delivery is acked: only the lease that its worker renews guards the attempt. Stays for the whole attempt. */
  readonly isLeased: boolean
  readonly error: TaskFailure | null
  readonly result: TaskResult | null
  readonly progress: TaskProgress | null
}

/** The head of a run: all but its operator tasks. */
export interface RunHead {
  readonly id: string
  readonly dagId: string
  readonly dagVersion: number
  readonly partition: number
  readonly state: RunState
  /** Grows by one with each stored change of the head; also tells clients that a cancel or rerun was taken up. */
  readonly version: number
  readonly createdAt: Instant
  readonly startedAt: Instant | null
  readonly finishedAt: Instant | null
  /** When running attempts are given up although they did not report their end; set exactly in `cancelling`. */
  readonly cancelDeadlineAt: Instant | null
  /** Data set id → where and how to read it; pinned when the run was created. */
  readonly datasets: Readonly<Record<string, JsonValue>>
}

/** A run in the engine's memory. `tasks[i].ordinal === i`. Owned by one partition owner; see `applyAdvance`. */
export interface Run {
  head: RunHead
  readonly plan: DagPlan
  readonly tasks: OperatorTask[]
  /** Number of tasks that are not final yet; derived, kept by `applyAdvance`. */
  unfinished: number
  /** Per ordinal, how many direct upstream operators are not final yet; derived, kept by `applyAdvance`. */
  readonly waitingFor: number[]
}

/** A run in memory, from its stored parts. */
export function assembleRun(head: RunHead, plan: DagPlan, tasks: readonly OperatorTask[]): Run {
  const isOpen = (ordinal: number): boolean => {
    const task = tasks[ordinal]
    return task !== undefined && !isFinalTaskState(task.state)
  }
  return {
    head,
    plan,
    tasks: [...tasks],
    unfinished: tasks.filter((task) => !isFinalTaskState(task.state)).length,
    waitingFor: plan.operators.map((operator) => operator.upstream.filter(isOpen).length),
  }
}

/** An operator task before anything happened to it. */
export const newOperatorTask = (ordinal: number): OperatorTask => ({
  ordinal,
  state: 'pending',
  attempt: 0,
  attemptId: null,
  retries: 0,
  losses: 0,
  readyAt: null,
  startedAt: null,
  finishedAt: null,
  retryAt: null,
  worker: null,
  isLeased: false,
  error: null,
  result: null,
  progress: null,
})
