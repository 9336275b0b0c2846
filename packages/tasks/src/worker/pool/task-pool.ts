import type { SignatureDict, SignatureOptions } from '../../canvas/signature-dict.ts'
import type { TaskValue } from '../../message/task-value.ts'
import type { ResultTuple } from '../../result/task-meta.ts'
import type { HandlerOutcome } from '../plain/handler-outcome.ts'
import type { RegisteredTask } from '../plain/registered-task.ts'
import type { TaskLogger, TaskRequest } from '../plain/task-context.ts'

/** What a handler asks of the worker while it runs. */
export interface JobHost {
  readonly logger: TaskLogger
  updateState(state: string, meta: TaskValue): Promise<void>
  apply(signature: SignatureDict, options: SignatureOptions): Promise<ResultTuple | null>
  addToChord(signature: SignatureDict): Promise<ResultTuple | null>
}

export interface Job {
  readonly task: RegisteredTask
  readonly request: TaskRequest
  readonly host: JobHost
  /** The handler begins, in the process of this id; a job may have waited for a child before. */
  readonly onStarted: (pid: number) => void
}

/** Why a job is ended from outside. */
export type KillReason = 'time_limit' | 'terminated' | 'handed_back'

export type JobEnd =
  | HandlerOutcome
  | { readonly kind: 'killed'; readonly reason: KillReason }
  /** Its process or thread ended by itself. */
  | { readonly kind: 'lost'; readonly detail: string }

export interface RunningJob {
  /** Of the process that runs it. */
  readonly pid: number
  /** Never rejects. The end itself where the job has ended already: many do, and a promise costs more than they. */
  readonly end: JobEnd | Promise<JobEnd>
  /** Aborts the handler's signal with this error; the handler may go on. */
  abort(reason: 'soft_time_limit'): void
  /** Ends exactly this job, at once. */
  kill(reason: KillReason): void
}

/** Runs handlers, as many at a time as the caller starts. */
export interface TaskPool {
  readonly isolation: 'inline' | 'thread' | 'process'
  /** Makes ready for so many jobs at a time; also while jobs run. */
  resize(size: number): Promise<void>
  /** Kills what runs, and ends a `resize` that still waits. Idempotent. */
  stop(): Promise<void>
  run(job: Job): RunningJob
  /** Processes or threads. */
  readonly children: readonly number[]
}
