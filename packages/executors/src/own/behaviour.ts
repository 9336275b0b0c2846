import type { JsonObject, OperatorAttempt, TaskProgress } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { PythonCommand } from '../local/runner-parent.ts'

/**
 * What a new kind of execution has to say for itself: how one attempt is executed. `BaseExecutor` makes a whole
 * executor of it. Methods may be called for several attempts at a time.
 */
export interface ExecutorBehaviour {
  /** Makes ready. When it rejects, the worker does not start. */
  start?(): Promise<void>
  /** Frees everything; no attempt is left by then. Called once, also after a `start` that failed. */
  stop?(): Promise<void>
  /**
   * Executes an attempt. Resolves with its result, as `celeriac.run_operator` returns it (`{outputs, metrics, compat}`),
   * after the last output was handed to `job.write`. Rejects when the attempt failed: an error with a `code` of
   * `docs/reference/errors.md` keeps it (with `details` and `retryable`, if there), any other becomes TASK_FAILED.
   * `adopted` is what `adopt` found; null when the attempt is to be started.
   */
  execute(attempt: OperatorAttempt, job: Job, adopted: object | null): Promise<unknown>
  /**
   * Looks for an attempt that an earlier worker started and that goes on without it, a job on a cluster for example.
   * Asked for tasks that were delivered before. Null: there is none, start it. Left out: there never is one.
   */
  adopt?(attempt: OperatorAttempt): Promise<object | null>
}

/** What an attempt tells while it is executed, and what it is told. */
export interface Job {
  /** The attempt as Python reads it: the kwargs of `celeriac.run_operator`. */
  readonly task: JsonObject
  /** Aborts when the attempt shall end (cancel, stop of the worker): ask it to. Its reason is a sentence. */
  readonly stopSignal: AbortSignal
  /** Aborts when the attempt has to be gone: the grace or its time limit is over. Kill it. */
  readonly killSignal: AbortSignal
  /** The attempt really runs now, its time limit counts from here. To be called once, by every `execute`. */
  started(): void
  /** What is not of this shape is ignored. */
  progress(progress: TaskProgress): void
  /** Output of the attempt as it comes, in pieces of any size. What is too much is left out, and a line says so. */
  write(stream: 'stdout' | 'stderr', chunk: Uint8Array | string): void
  /** A line about the attempt that is not its own output; shown in the log as of the stream `system`. */
  note(line: string): void
}

/** What a worker tells the factory of an executor. */
export interface ExecutorContext {
  /** The executor's name: `gpu` in `--executor gpu=./gpu-executor.js`. */
  readonly name: string
  /** Attempts that the worker hands over at a time. */
  readonly concurrency: number
  readonly logger: Logger
  /** How Python is started so that it finds the operators: interpreter, and environment without the platform's secrets. */
  readonly python: PythonCommand
}
