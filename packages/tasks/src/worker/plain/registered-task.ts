import type { TaskObject, TaskValue } from '../../message/task-value.ts'
import type { TaskContext } from './task-context.ts'

/** Where handlers run. `inline`: in the worker's own event loop; the others can be killed. */
export type Isolation = 'inline' | 'thread' | 'process'

/** How a worker treats a task. Times are seconds. */
export interface TaskOptions {
  /** Acknowledge when the result is stored; else before the handler runs. @default true */
  readonly acksLate?: boolean
  /** Deliver again when the process of the task was lost, instead of failing it. @default false */
  readonly rejectOnWorkerLost?: boolean
  /** Retries at most; null: no limit. @default 3 */
  readonly maxRetries?: number | null
  /** @default 180 */
  readonly defaultRetryDelay?: number
  /** Errors that are retried without being asked to. @default none */
  readonly retryFor?: (error: unknown) => boolean
  /** Delay of the first automatic retry, doubled with each further one; false: `defaultRetryDelay`. @default false */
  readonly retryBackoff?: number | false
  /** @default 600 */
  readonly retryBackoffMax?: number
  /** Draw the delay from [0, backoff). @default true */
  readonly retryJitter?: boolean
  readonly softTimeLimit?: number | null
  readonly timeLimit?: number | null
  /** `10/s`, `100/m`, `5/h`, or a number per second; per worker. */
  readonly rateLimit?: string | number | null
  readonly ignoreResult?: boolean
  /** Store failures even so. @default false */
  readonly storeErrorsEvenIfIgnored?: boolean
  /** Store STARTED. @default false */
  readonly trackStarted?: boolean
  /** @default the worker's */
  readonly isolation?: Isolation
  /** Answer a redelivered task whose result is stored without running it. @default true */
  readonly deduplicate?: boolean
}

export interface RegisteredTask {
  readonly name: string
  readonly options: TaskOptions
  /** As an errback: called with `(request, exception, traceback)` where the task failed, not published. */
  readonly takesFailure?: boolean
  /**
   * Fits the arguments to the parameters and runs the handler. What does not fit throws a TypeError with Python's text.
   */
  run(args: readonly TaskValue[], kwargs: TaskObject, context: TaskContext): unknown
}

/** The tasks that a worker knows. */
export interface TaskRegistry {
  find(name: string): RegisteredTask | null
  /** Sorted. */
  names(): readonly string[]
}
