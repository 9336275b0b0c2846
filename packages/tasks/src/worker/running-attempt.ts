import { encodeProgress, encodeStarted } from '@celeriac/contracts'
import {
  messageOf,
  type AttemptOutcome,
  type Clock,
  type Delivery,
  type Executor,
  type Instant,
  type OperatorAttempt,
  type TaskProgress,
} from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { Answer } from './intake.ts'
import type { LogSink } from './log-sink.ts'
import { outcomeMessage } from './outcome-message.ts'
import type { ResultPublisher } from './result-publisher.ts'

/**
 * DESIGN
 *
 * An attempt from its start to the ack of its delivery:
 *   executing ── outcome ──▶ log closed ──▶ result published and confirmed ──▶ every delivery acked
 *       └─ handed back ──▶ outcome (not told) ──▶ every delivery requeued
 * - The ack is last: whatever breaks before it, the broker delivers the task again, and the attempt-scoped output makes
 *   the repetition harmless. A result may so arrive twice; the engine ignores the second.
 * - An attempt can have several deliveries: after a reconnect the broker delivers again what still runs here, and a
 *   scheduler that took over publishes again what it cannot know to be published. They are attached, not run.
 * - STARTED is told only about attempts that outlast `startedDelayMs`. The result carries the moment of the start, so
 *   that for a short attempt STARTED would be a message and a database write that nobody can see in time.
 */
export interface AttemptDeps {
  readonly executor: Executor
  readonly publisher: ResultPublisher
  readonly logs: LogSink
  readonly clock: Clock
  readonly logger: Logger
  readonly worker: string
}

export interface RunningAttemptOptions {
  readonly attempt: OperatorAttempt
  readonly answer: Answer | null
  /** At least one. */
  readonly deliveries: readonly Delivery[]
  /** The executor is done with it: its slot is free. */
  readonly onExecuted: (durationMs: number) => void
}

export type AttemptEnd =
  { readonly kind: 'told'; readonly outcome: AttemptOutcome } | { readonly kind: 'returned' }

const startedDelayMs = 20
/** At most two PROGRESS messages per second and attempt. */
const progressIntervalMs = 500

export class RunningAttempt {
  readonly #deps: AttemptDeps
  readonly #attempt: OperatorAttempt
  readonly #answer: Answer | null
  readonly #onExecuted: (durationMs: number) => void
  readonly #deliveries: Delivery[]
  #startedAt: Instant | null = null
  #isStartedTold = false
  #isHandedBack = false
  #cancelReason: string | null = null
  #isExecuting = true
  #progress: TaskProgress | null = null
  #progressToldAt = Number.NEGATIVE_INFINITY
  #cancelStarted: () => void = () => {}
  #cancelProgress: (() => void) | null = null

  constructor(deps: AttemptDeps, options: RunningAttemptOptions) {
    this.#deps = deps
    this.#attempt = options.attempt
    this.#answer = options.answer
    this.#deliveries = [...options.deliveries]
    this.#onExecuted = options.onExecuted
  }

  /** Another delivery of the same attempt. */
  attach(delivery: Delivery): void {
    this.#deliveries.push(delivery)
  }

  /** Its process is ended; nobody is told, the task goes back to the queue. */
  handBack(reason: string): void {
    this.#isHandedBack = true
    this.cancel(reason)
  }

  cancel(reason: string): void {
    this.#cancelReason = reason
    this.#deps.executor.cancel(this.#attempt.attemptId, reason)
  }

  /** Runs it. Resolves when its deliveries are settled; never rejects. */
  async run(): Promise<AttemptEnd> {
    const beganAt = this.#deps.clock.now()
    const outcome = await this.#execute()
    this.#isExecuting = false
    this.#cancelStarted()
    this.#cancelProgress?.()
    this.#onExecuted(this.#deps.clock.now() - (this.#startedAt ?? beganAt))
    await this.#deps.logs.close(this.#attempt)
    // An attempt that ended by itself in the meantime is told although it was to be handed back.
    if (this.#isHandedBack && outcome.status === 'revoked') return this.#return()
    return await this.#tell(outcome)
  }

  async #execute(): Promise<AttemptOutcome> {
    const { executor, logs } = this.#deps
    const attempt = this.#attempt
    const listener = {
      onStarted: () => this.#onStarted(),
      onProgress: (progress: TaskProgress) => this.#onProgress(progress),
      onLog: (lines: Parameters<LogSink['append']>[1]) => logs.append(attempt, lines),
    }
    try {
      // Only a task that was delivered before can have been started by another worker.
      const isRepeated = this.#deliveries.some((delivery) => delivery.redelivered)
      const adopted = isRepeated ? await executor.adopt(attempt, listener) : null
      // Cancelled while the executor looked for it: the executor did not know it then.
      const reason = this.#cancelReason
      if (reason !== null && adopted === null) return { status: 'revoked', reason }
      if (reason !== null) executor.cancel(attempt.attemptId, reason)
      return await (adopted ?? executor.run(attempt, listener)).outcome
    } catch (error) {
      this.#deps.logger.error({ ...logFields(attempt), err: error }, 'the executor broke its contract')
      return {
        status: 'failed',
        failure: { code: 'INTERNAL_ERROR', message: messageOf(error) },
        retryable: false,
      }
    }
  }

  async #tell(outcome: AttemptOutcome): Promise<AttemptEnd> {
    const { publisher, logger } = this.#deps
    const answer = this.#answer
    if (answer !== null) {
      const report = await publisher.deliver(outcomeMessage(answer, this.#runner, outcome))
      if (report === 'abandoned') return this.#return()
      if (report === 'unroutable')
        logger.warn(
          { ...logFields(this.#attempt), reply_to: answer.replyTo },
          'nobody waits for the result any more; it is dropped',
        )
    }
    for (const delivery of this.#deliveries) delivery.ack()
    return { kind: 'told', outcome }
  }

  #return(): AttemptEnd {
    for (const delivery of this.#deliveries) delivery.requeue()
    return { kind: 'returned' }
  }

  get #runner(): { readonly worker: string; readonly startedAt: Instant | null } {
    return { worker: this.#deps.worker, startedAt: this.#startedAt }
  }

  #onStarted(): void {
    this.#startedAt = this.#deps.clock.now()
    this.#cancelStarted = this.#deps.clock.after(startedDelayMs, () => this.#tellStarted())
  }

  #tellStarted(): void {
    const { publisher } = this.#deps
    const answer = this.#answer
    if (this.#isStartedTold || answer === null) return
    this.#isStartedTold = true
    this.#cancelStarted()
    void publisher.send(encodeStarted(answer.taskId, answer.replyTo, this.#runner))
  }

  #onProgress(progress: TaskProgress): void {
    if (!this.#isExecuting || this.#answer === null) return
    this.#progress = progress
    if (this.#cancelProgress !== null) return
    const waitMs = this.#progressToldAt + progressIntervalMs - this.#deps.clock.now()
    if (waitMs <= 0) return this.#tellProgress()
    this.#cancelProgress = this.#deps.clock.after(waitMs, () => this.#tellProgress())
  }

  #tellProgress(): void {
    const { publisher, clock } = this.#deps
    const answer = this.#answer
    this.#cancelProgress = null
    if (answer === null || this.#progress === null) return
    this.#tellStarted()
    this.#progressToldAt = clock.now()
    void publisher.send(encodeProgress(answer.taskId, answer.replyTo, this.#runner, this.#progress))
  }
}

/** How the log names an attempt. */
export const logFields = (attempt: OperatorAttempt): Readonly<Record<string, string | number>> => ({
  run_id: attempt.runId,
  operator_id: attempt.operatorId,
  attempt: attempt.attempt,
  task_id: attempt.attemptId,
})
