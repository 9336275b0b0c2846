import {
  AppError,
  messageOf,
  type AttemptHandle,
  type AttemptListener,
  type AttemptStatus,
  type Clock,
  type Executor,
  type OperatorAttempt,
} from '@celeriac/core'
import { systemClock, type Logger } from '@celeriac/runtime'
import { defaultLogLimits, type LogLimits } from '../local/log-budget.ts'
import type { ExecutorBehaviour } from './behaviour.ts'
import { OwnAttempt } from './own-attempt.ts'

export interface BaseExecutorOptions {
  readonly name: string
  readonly behaviour: ExecutorBehaviour
  readonly logger: Logger
  readonly clock?: Clock
  /** Between the two signals of a cancel, and again until an attempt that ignores both is given up. @default 5,000 */
  readonly graceMs?: number
  readonly logs?: LogLimits
}

const defaultGraceMs = 5_000
/** Ended attempts whose status is still known. */
const rememberedAttempts = 1_000

/**
 * Makes an executor of a behaviour: the rules that every executor has to keep are kept here, once.
 * - An attempt id that runs already is not run twice: the second caller gets the running handle.
 * - An outcome settles once, never rejects, and nothing is heard of the attempt afterwards.
 * - Cancel and time limit decide the outcome, whatever the behaviour says then.
 * - A behaviour that ignores both signals cannot hold up the worker: its attempt is given up after another grace.
 */
export class BaseExecutor implements Executor {
  readonly name: string
  readonly #options: BaseExecutorOptions
  readonly #clock: Clock
  readonly #attempts = new Map<string, OwnAttempt>()
  readonly #ended = new Set<string>()
  #stopping: Promise<void> | null = null

  constructor(options: BaseExecutorOptions) {
    this.name = options.name
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  async start(): Promise<void> {
    try {
      await this.#options.behaviour.start?.()
    } catch (cause) {
      await this.stop()
      throw new AppError('EXECUTOR_UNAVAILABLE', 'the executor did not start', {
        details: { executor: this.name, reason: messageOf(cause) },
        cause,
      })
    }
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop())
  }

  run(attempt: OperatorAttempt, listener: AttemptListener): AttemptHandle {
    return this.#attempts.get(attempt.attemptId) ?? this.#begin(attempt, listener, null)
  }

  status(attemptId: string): AttemptStatus {
    return this.#attempts.get(attemptId)?.status ?? (this.#ended.has(attemptId) ? 'finished' : 'unknown')
  }

  cancel(attemptId: string, reason: string): void {
    this.#attempts.get(attemptId)?.cancel(reason)
  }

  async adopt(attempt: OperatorAttempt, listener: AttemptListener): Promise<AttemptHandle | null> {
    const running = this.#attempts.get(attempt.attemptId)
    if (running !== undefined) return running
    const found = (await this.#options.behaviour.adopt?.(attempt)) ?? null
    return found === null ? null : this.#begin(attempt, listener, found)
  }

  #begin(attempt: OperatorAttempt, listener: AttemptListener, adopted: object | null): AttemptHandle {
    const { behaviour, graceMs = defaultGraceMs, logs = defaultLogLimits } = this.#options
    const begun = new OwnAttempt({
      attempt,
      listener,
      clock: this.#clock,
      graceMs,
      logs,
      execute: (job) => behaviour.execute(attempt, job, adopted),
      onGivenUp: () =>
        this.#options.logger.error(
          { run_id: attempt.runId, operator_id: attempt.operatorId, attempt: attempt.attempt },
          'the executor did not end an attempt that it was told to kill',
        ),
    })
    this.#attempts.set(attempt.attemptId, begun)
    void begun.outcome.then(() => this.#forget(attempt.attemptId))
    begun.start(this.#stopping !== null)
    return begun
  }

  #forget(attemptId: string): void {
    this.#attempts.delete(attemptId)
    this.#ended.add(attemptId)
    const [oldest] = this.#ended
    if (this.#ended.size > rememberedAttempts && oldest !== undefined) this.#ended.delete(oldest)
  }

  async #stop(): Promise<void> {
    const running = [...this.#attempts.values()]
    for (const attempt of running) attempt.kill('the executor was stopped')
    await Promise.all(running.map(({ outcome }) => outcome))
    await this.#options.behaviour.stop?.()
  }
}
