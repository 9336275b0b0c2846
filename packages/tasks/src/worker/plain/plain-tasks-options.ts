import type { TaskPool } from '../pool/task-pool.ts'
import type { ScaleRange } from './autoscaler.ts'
import type { Isolation } from './registered-task.ts'
import type { TaskApp } from './task-app.ts'

/** The plain tasks of a worker: Celery's, beside operators. */
export interface PlainTasksOptions {
  readonly app: TaskApp
  readonly queues: readonly string[]
  /** Where tasks run that do not say. @default inline */
  readonly isolation?: Isolation
  /** Those that tasks may run in; started and stopped by the worker. @default inline alone */
  readonly pools?: readonly TaskPool[]
  /** Tasks at a time. @default the worker's concurrency */
  readonly concurrency?: number
  /** @default a fixed number of slots */
  readonly autoscale?: ScaleRange
  /** Deliveries held per slot and queue. @default 4 */
  readonly prefetchMultiplier?: number
  /** Seconds, for tasks that have no limit of their own. @default none */
  readonly timeLimit?: number | null
  readonly softTimeLimit?: number | null
  /** Sends task events from the start (`-E`). @default false */
  readonly sendsEvents?: boolean
}
