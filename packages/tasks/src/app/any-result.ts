import type { WaitOptions } from '../result/completions.ts'
import type { ResultBackend } from '../result/result-backend.ts'
import type { ResultTuple } from '../result/task-meta.ts'

export interface RevokeOptions {
  /** Also ends the task where it runs. @default false */
  readonly terminate?: boolean
  /** With `terminate`. @default `SIGTERM` */
  readonly signal?: string
}

export interface GetOptions extends WaitOptions {
  /** False: a failure is given instead of thrown. @default true */
  readonly propagate?: boolean
}

/** What a signature gives when it is called: a group a `GroupResult`, all others an `AsyncResult`. */
export interface AnyResult<Value = unknown> {
  readonly id: string
  /** The step before in a chain; null: none. */
  readonly parent: AnyResult | null
  get(options?: GetOptions): Promise<Value>
  ready(): Promise<boolean>
  successful(): Promise<boolean>
  failed(): Promise<boolean>
  /** Of a task: results of what it called; of a group: its members. */
  children(): Promise<readonly AnyResult[]>
  revoke(options?: RevokeOptions): Promise<void>
  forget(): Promise<void>
  toJSON(): ResultTuple
}

/** What results need of the application. */
export interface ResultAccess {
  /** Started. */
  backend(): Promise<ResultBackend>
  revoke(taskIds: readonly string[], options: RevokeOptions): Promise<void>
  /** The result that Celery writes as a tuple. */
  resultOf(tuple: ResultTuple): AnyResult
}
