import {
  isAppError,
  type AttemptHandle,
  type AttemptListener,
  type AttemptOutcome,
  type AttemptStatus,
  type Clock,
  type OperatorAttempt,
} from '@celeriac/core'
import { operatorTaskOf } from '../operator-task.ts'
import type { ChildPool } from './child-pool.ts'
import { LogBudget, type LogLimits } from './log-budget.ts'
import { isTainted, ofError, outcomeOf, type Intervention } from './outcome.ts'
import type { JobEnd, PoolChild } from './pool-child.ts'

export interface AttemptOptions {
  readonly attempt: OperatorAttempt
  readonly listener: AttemptListener
  readonly deliveryId: string
  readonly pool: ChildPool
  readonly clock: Clock
  readonly memoryBytes: number | null
  readonly cancelGraceMs: number
  readonly logs: LogLimits
}

/**
 * One attempt, from its wait for a process to its outcome: waiting → running → finished. The time limit counts from the
 * moment a process took it. An intervention (cancel, time limit) is remembered before the signal is sent, so that the
 * outcome does not depend on what the dying process still says.
 */
export class LocalAttempt implements AttemptHandle {
  readonly attemptId: string
  readonly outcome: Promise<AttemptOutcome>
  readonly #options: AttemptOptions
  #settle: (outcome: AttemptOutcome) => void = () => {}
  #status: AttemptStatus = 'waiting'
  #child: PoolChild | null = null
  #intervention: Intervention = null
  #withdraw: () => void = () => {}
  #cancelLimit: () => void = () => {}
  #cancelGrace: () => void = () => {}

  constructor(options: AttemptOptions) {
    this.#options = options
    this.attemptId = options.attempt.attemptId
    this.outcome = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  get status(): AttemptStatus {
    return this.#status
  }

  start(): void {
    this.#withdraw = this.#options.pool.acquire({
      onChild: (child) => this.#run(child),
      onUnavailable: (error) => this.#finish(ofError(error)),
    })
  }

  /** Ends it: at once while it waits, else by asking the operator and then, after the grace, by force. */
  cancel(reason: string): void {
    if (this.#status === 'finished' || this.#intervention !== null) return
    this.#intervention = { kind: 'cancelled', reason }
    if (this.#child === null) {
      this.#withdraw()
      this.#finish({ status: 'revoked', reason })
      return
    }
    this.#child.interrupt()
    this.#cancelGrace = this.#options.clock.after(this.#options.cancelGraceMs, () => this.#child?.kill())
  }

  /** Ends it by force. */
  kill(reason: string): void {
    if (this.#status === 'finished') return
    this.cancel(reason)
    this.#child?.kill()
  }

  #run(child: PoolChild): void {
    const { attempt, listener, clock, deliveryId, memoryBytes } = this.#options
    try {
      child.begin({
        request: {
          type: 'run',
          delivery_id: deliveryId,
          task: operatorTaskOf(attempt),
          soft_time_limit_s: attempt.softTimeLimitS,
          memory_limit_bytes: memoryBytes,
        },
        logs: {
          budget: new LogBudget(this.#options.logs, clock),
          onLines: (lines) => listener.onLog(lines),
        },
        onProgress: ({ current, total, message }) =>
          listener.onProgress({ current, total, message: (message ?? '').slice(0, 1_000) }),
        onEnd: (end) => this.#onEnd(child, end),
      })
    } catch (error) {
      if (!isAppError(error)) throw error
      // Too large for a frame: the child was not touched.
      this.#options.pool.giveBack(child)
      this.#finish(ofError(error))
      return
    }
    this.#child = child
    this.#status = 'running'
    const limitS = attempt.timeLimitS
    if (limitS !== null)
      this.#cancelLimit = clock.after(limitS * 1_000, () => {
        if (this.#intervention !== null) return
        this.#intervention = { kind: 'timed-out', limitS }
        child.kill()
      })
    listener.onStarted()
  }

  #onEnd(child: PoolChild, end: JobEnd): void {
    this.#child = null
    if (isTainted(end, this.#intervention)) this.#options.pool.remove(child)
    else this.#options.pool.release(child)
    this.#finish(outcomeOf(end, this.#intervention))
  }

  #finish(outcome: AttemptOutcome): void {
    this.#cancelLimit()
    this.#cancelGrace()
    this.#status = 'finished'
    this.#settle(outcome)
  }
}
