import { encodeProgress, encodeReturned, encodeStarted } from '@celeriac/contracts'
import {
  messageOf,
  type AttemptOutcome,
  type Clock,
  type Delivery,
  type Executor,
  type Instant,
  type OperatorAttempt,
  type OutgoingMessage,
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
 *       ├─ handed over ──▶ STARTED leased confirmed ──▶ every delivery acked, the attempt goes on
 *       └─ handed back ──▶ outcome (not told) ──▶ every delivery requeued; leased: RETURNED published instead
 * - The ack is last: whatever breaks before it, the broker delivers the task again, and the attempt-scoped output makes
 *   the repetition harmless. A result may so arrive twice; the engine ignores the second.
 * - An attempt can have several deliveries: after a reconnect the broker delivers again what still runs here, and a
 *   scheduler that took over publishes again what it cannot know to be published. They are attached, not run.
 * - Brokers take back a delivery that is unacked for too long (RabbitMQ: 30 minutes). Before that the attempt is handed over
 *   to the lease of this worker. Between the confirm and the acks there is nothing to lose: die before the confirm, and
 *   the broker delivers again; die after it, and the engine, which knows of the lease, misses its renewal. Deliveries that
 *   come again although the attempt is leased here are acked at once: acks may have been lost with the connection.
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
  /** Age of its first delivery at which an attempt is handed over. */
  readonly handOverAfterMs: number
}

export interface RunningAttemptOptions {
  readonly attempt: OperatorAttempt
  readonly answer: Answer | null
  /** At least one. The attempt's own from now on. */
  readonly deliveries: Delivery[]
  /** When the first of them came. */
  readonly deliveredAt: Instant
  /** Its scheduler knows leases. */
  readonly isLeasable: boolean
}

/** Who runs attempts, and hears about each. */
export interface AttemptOwner {
  /** Handed over: its deliveries are about to be acked. */
  readonly onLeased: () => void
  /** The executor is done with it: its slot is free. */
  readonly onExecuted: (attempt: RunningAttempt, durationMs: number) => void
}

export type AttemptEnd =
  { readonly kind: 'told'; readonly outcome: AttemptOutcome } | { readonly kind: 'returned' }

const startedDelayMs = 20
/** At most two PROGRESS messages per second and attempt. */
const progressIntervalMs = 500
/** No timer is set. One for all: short attempts come by the thousand. */
const nothing = (): void => {}

export class RunningAttempt {
  readonly #deps: AttemptDeps
  readonly #attempt: OperatorAttempt
  readonly #answer: Answer | null
  readonly #options: RunningAttemptOptions
  readonly #owner: AttemptOwner
  readonly #deliveries: Delivery[]
  #startedAt: Instant | null = null
  #isStartedTold = false
  #isHandedBack = false
  #isReturnTold = true
  #isLeased = false
  #handingOver: Promise<void> | null = null
  #cancelReason: string | null = null
  #isExecuting = true
  #progress: TaskProgress | null = null
  #progressToldAt = Number.NEGATIVE_INFINITY
  #cancelStarted = nothing
  #cancelHandOver = nothing
  #cancelProgress: (() => void) | null = null

  constructor(deps: AttemptDeps, options: RunningAttemptOptions, owner: AttemptOwner) {
    this.#deps = deps
    this.#attempt = options.attempt
    this.#answer = options.answer
    this.#deliveries = options.deliveries
    this.#options = options
    this.#owner = owner
  }

  get attempt(): OperatorAttempt {
    return this.#attempt
  }

  get startedAt(): Instant | null {
    return this.#startedAt
  }

  /** No delivery guards it any more. */
  get isLeased(): boolean {
    return this.#isLeased
  }

  /** The engine counts on it: it was told of the start, and of no end. Heartbeats renew its lease. */
  get isInFlight(): boolean {
    return this.#isStartedTold
  }

  /** Another delivery of the same attempt. */
  attach(delivery: Delivery): void {
    if (this.#isLeased) delivery.ack()
    else this.#deliveries.push(delivery)
  }

  /**
   * Its process is ended; the task goes back to the queue. Of a leased one the engine is told if `isTold`; else it finds out
   * when the lease expires.
   */
  handBack(reason: string, isTold: boolean): void {
    this.#isHandedBack = true
    this.#isReturnTold = isTold
    this.cancel(reason)
  }

  cancel(reason: string): void {
    this.#cancelReason = reason
    this.#deps.executor.cancel(this.#attempt.attemptId, reason)
  }

  /** Runs it. Resolves when its deliveries are settled; never rejects. */
  async run(): Promise<AttemptEnd> {
    const beganAt = this.#deps.clock.now()
    this.#scheduleHandOver(beganAt)
    const outcome = await this.#execute()
    this.#isExecuting = false
    this.#cancelStarted()
    this.#cancelProgress?.()
    this.#cancelHandOver()
    this.#owner.onExecuted(this, this.#deps.clock.now() - (this.#startedAt ?? beganAt))
    await this.#deps.logs.close(this.#attempt)
    // What the engine hears last must be the end, and who guards the attempt must be settled by then.
    if (this.#handingOver !== null) await this.#handingOver
    // An attempt that ended by itself in the meantime is told although it was to be handed back.
    if (this.#isHandedBack && outcome.status === 'revoked') {
      await this.#tellReturned()
      return this.#return()
    }
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
      const message = outcomeMessage(answer, this.#runner, outcome)
      const report = await publisher.deliver(message, logFields(this.#attempt))
      // Nobody delivers a leased attempt again, so its result is worth a last try.
      const isLost = report === 'abandoned' && !(this.#isLeased && (await this.#offer(message)))
      if (isLost) return this.#return()
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

  async #tellReturned(): Promise<void> {
    const answer = this.#answer
    if (!this.#isLeased || answer === null) return
    const isTold = await this.#offer(encodeReturned(answer.taskId, answer.replyTo, this.#runner))
    if (!isTold)
      this.#deps.logger.warn(logFields(this.#attempt), 'a leased attempt ends untold; its lease will expire')
  }

  async #offer(message: OutgoingMessage): Promise<boolean> {
    return this.#isReturnTold && (await this.#deps.publisher.offer(message))
  }

  #scheduleHandOver(now: Instant): void {
    const { handOverAfterMs, clock } = this.#deps
    const { isLeasable, deliveredAt } = this.#options
    const answer = this.#answer
    if (!isLeasable || answer === null) return
    // A clock that jumped meanwhile must not put it off.
    const ageMs = Math.max(0, now - deliveredAt)
    this.#cancelHandOver = clock.after(Math.max(0, handOverAfterMs - ageMs), () => {
      this.#handingOver = this.#handOver(answer)
    })
  }

  async #handOver({ taskId, replyTo }: Answer): Promise<void> {
    const { publisher, logger } = this.#deps
    this.#isStartedTold = true
    this.#cancelStarted()
    const message = encodeStarted(taskId, replyTo, this.#runner, true)
    const report = await publisher.deliver(message, logFields(this.#attempt))
    // Nobody who could renew it: the delivery stays the guard.
    if (report !== 'confirmed') return
    this.#isLeased = true
    this.#owner.onLeased()
    for (const delivery of this.#deliveries) delivery.ack()
    logger.info(logFields(this.#attempt), 'a long attempt is handed over from its delivery to a lease')
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
    // Not longer than the interval, also when the clock was set back.
    const sinceToldMs = Math.max(0, this.#deps.clock.now() - this.#progressToldAt)
    const waitMs = progressIntervalMs - sinceToldMs
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
