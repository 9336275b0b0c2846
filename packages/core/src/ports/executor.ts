import type { JsonObject, JsonValue } from '../json.ts'
import type { TaskFailure, TaskProgress, TaskResult } from '../run.ts'

/** An attempt of an operator task, as a worker hands it to an executor: kwargs of `celeriac.run_operator`. */
export interface OperatorAttempt {
  readonly attemptId: string
  readonly runId: string
  readonly operatorId: string
  readonly attempt: number
  readonly algoName: string
  readonly params: JsonObject
  readonly inputs: Readonly<Record<string, readonly JsonObject[]>>
  readonly outputPrefix: string
  readonly artifactRoot: string
  readonly datasets: Readonly<Record<string, JsonValue>>
  /** Seconds after which the operator is asked to end; null = never. */
  readonly softTimeLimitS: number | null
  /** Seconds after which its process is killed; null = never. */
  readonly timeLimitS: number | null
}

export type AttemptOutcome =
  | { readonly status: 'succeeded'; readonly result: TaskResult }
  | { readonly status: 'failed'; readonly failure: TaskFailure; readonly retryable: boolean }
  | { readonly status: 'revoked'; readonly reason: string }

export interface LogLine {
  readonly at: number
  readonly stream: 'stdout' | 'stderr' | 'system'
  readonly text: string
}

/** A started attempt. */
export interface AttemptHandle {
  readonly attemptId: string
  /** Never rejects: what goes wrong is a failed outcome. Settles after the last log line was handed over. */
  readonly outcome: Promise<AttemptOutcome>
}

export interface AttemptListener {
  /** The attempt really runs now (a process took it). */
  onStarted(): void
  onProgress(progress: TaskProgress): void
  onLog(lines: readonly LogLine[]): void
}

export type AttemptStatus = 'waiting' | 'running' | 'finished' | 'unknown'

/** How tasks of one kind are executed: the extension point for new kinds. One instance per worker process. */
export interface Executor {
  readonly name: string
  /** Makes ready (warms processes). Rejects with EXECUTOR_UNAVAILABLE. */
  start(): Promise<void>
  /** Kills what still runs (outcome `revoked`), frees everything. Idempotent; legal before `start`. */
  stop(): Promise<void>
  run(attempt: OperatorAttempt, listener: AttemptListener): AttemptHandle
  status(attemptId: string): AttemptStatus
  /** Asks the attempt to end, then kills it after a grace; its outcome becomes `revoked`. Unknown ids do nothing. */
  cancel(attemptId: string, reason: string): void
  /** Takes up an attempt that an earlier worker started outside of this process; null when there is none. */
  adopt(attempt: OperatorAttempt, listener: AttemptListener): Promise<AttemptHandle | null>
}
