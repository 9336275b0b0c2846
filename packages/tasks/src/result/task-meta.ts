import type { TaskObject, TaskValue } from '../message/task-value.ts'

/** States of a task as Celery stores and sends them; tasks may report states of their own too. */
export const celeryTaskStates = [
  'PENDING',
  'RECEIVED',
  'STARTED',
  'PROGRESS',
  'RETRY',
  'SUCCESS',
  'FAILURE',
  'REVOKED',
  'REJECTED',
  'IGNORED',
] as const
export type CeleryTaskState = (typeof celeryTaskStates)[number]

export const readyStates: ReadonlySet<string> = new Set(['SUCCESS', 'FAILURE', 'REVOKED'])
/**
 * Whether a state is stored where another one is. An end is replaced by an end only, and a SUCCESS by nothing: a worker that
 * died after its task had ended, or been sent on, leaves a delivery whose second start would otherwise hide the end.
 */
export const replacesState = (stored: string | undefined, next: string): boolean =>
  stored === undefined || !readyStates.has(stored) || (stored !== 'SUCCESS' && readyStates.has(next))

export const exceptionStates: ReadonlySet<string> = new Set(['FAILURE', 'RETRY', 'REVOKED'])

/** How an error crosses: Python's class name, its arguments and its module. */
export interface ExceptionInfo {
  readonly exc_type: string
  readonly exc_message: readonly TaskValue[] | string
  readonly exc_module: string | null
}

/** `[[id, parent | null], children | null]`: how Celery writes an AsyncResult or a GroupResult. */
export type ResultTuple = readonly [
  readonly [id: string, parent: ResultTuple | null],
  readonly ResultTuple[] | null,
]

/** "task meta": the state of a task as result backends keep and send it. Names are the wire's. */
export interface TaskMeta {
  readonly task_id: string
  readonly status: string
  /** The value; an {@link ExceptionInfo} in the exception states; what the task reported in its own states. */
  readonly result: TaskValue
  readonly traceback: string | null
  readonly children: readonly ResultTuple[]
  readonly date_done: string | null
  readonly group_id?: string | null
  readonly parent_id?: string | null
  /** With `resultExtended`: the call. */
  readonly name?: string
  readonly args?: TaskValue
  readonly kwargs?: TaskObject
  readonly worker?: string
  readonly retries?: number
  readonly queue?: string
  readonly stamped_headers?: readonly string[]
  /** With `resultExtended`: the stamps. On the wire each is a field of the meta itself, named by `stamped_headers`. */
  readonly stamps?: TaskObject
}
