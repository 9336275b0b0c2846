import {
  AppError,
  messageOf,
  retryDelayMs,
  type ConsumeOptions,
  type Consumer,
  type Delivery,
  type RetryPolicy,
} from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { stoppedError } from '../state-cell.ts'
import { ConsumerChannel } from './consumer-channel.ts'
import { replyCodeOf } from './faults.ts'
import { pause } from './pause.ts'
import type { Session } from './session.ts'

export interface SubscriptionDeps {
  readonly logger: Logger
  readonly backoff: RetryPolicy
  /** Declares again what the consumer's queue needs. */
  readonly repair: (session: Session, queue: string) => Promise<void>
  /** Called when it will never deliver again and holds nothing. */
  readonly onGone: (subscription: Subscription) => void
}

/** With a queue that is still missing after it was declared again, the first subscription is given up. */
const attemptsOnMissingQueue = 2

/**
 * A consumer that outlives its channels: subscribed again after each reconnect, server-side cancel or channel error,
 * until it is cancelled. At most one channel is current; work handed out on an earlier one finishes, unacknowledged.
 */
export class Subscription implements Consumer {
  readonly #options: ConsumeOptions
  readonly #deps: SubscriptionDeps
  #current: ConsumerChannel | null = null
  #isCancelled = false
  #wasActive = false
  #isLosing = false
  /** Ends with the session's subscription loop, so that `cancel` can wait for it. */
  #subscribing: Promise<void> = Promise.resolve()
  /** Ends when the last channel of a cancelled consumer is closed. */
  #closing: Promise<void> = Promise.resolve()
  readonly #wake = new AbortController()
  /** Resolves at the first subscription; rejects when that is impossible or the broker stops before. */
  readonly activated: Promise<void>
  #onActivated: () => void = () => {}
  #onRefused: (error: unknown) => void = () => {}

  constructor(options: ConsumeOptions, deps: SubscriptionDeps) {
    this.#options = options
    this.#deps = deps
    this.activated = new Promise((resolve, reject) => {
      this.#onActivated = resolve
      this.#onRefused = reject
    })
    // Its rejection is the business of those who wait for it.
    this.activated.catch(() => {})
  }

  /** The broker is connected: subscribe on this session. */
  attach(session: Session): void {
    this.#subscribing = this.#subscribe(session)
  }

  async cancel(): Promise<void> {
    this.#end()
    await this.#subscribing
    if (this.#current === null) this.#deps.onGone(this)
    else await this.#current.cancel()
  }

  /** The broker is about to stop: no more deliveries. */
  async halt(): Promise<void> {
    this.#isLosing = !this.#isCancelled && this.#current !== null
    this.#end()
    await this.#subscribing
    // Not closed yet, even with nothing open: acks may be on their way.
    await this.#current?.halt()
  }

  /** The broker stops: outstanding acks are sent, the rest goes back to its queue. */
  async close(): Promise<void> {
    this.#end()
    await this.#subscribing
    await this.#current?.close()
    await this.#closing
    if (this.#isLosing) this.#report('lost')
    this.#isLosing = false
  }

  #end(): void {
    this.#isCancelled = true
    this.#wake.abort()
    this.#onRefused(stoppedError())
  }

  async #subscribe(session: Session): Promise<void> {
    for (let failures = 0; session.isOpen && !this.#isCancelled;) {
      try {
        const channel = await ConsumerChannel.open(session, {
          ...this.#options,
          onDelivery: (delivery) => this.#deliver(delivery),
          onEnd: (ended) => this.#onEnd(ended, session),
        })
        if (!channel.isAlive) throw new Error('the channel ended at once')
        this.#current = channel
        this.#wasActive = true
        this.#onActivated()
        this.#report('active')
        return
      } catch (error) {
        if (!session.isOpen || this.#isCancelled) return
        await this.#onFailed(session, error, ++failures)
      }
    }
  }

  async #onFailed(session: Session, error: unknown, failures: number): Promise<void> {
    const { queue } = this.#options
    const { logger, repair, backoff, onGone } = this.#deps
    logger.warn({ queue, err: messageOf(error) }, 'consumer not subscribed; it is tried again')
    if (!this.#wasActive && failures >= attemptsOnMissingQueue && replyCodeOf(error) !== undefined) {
      this.#isCancelled = true
      this.#onRefused(
        new AppError('BROKER_UNAVAILABLE', 'the queue cannot be consumed', {
          details: { queue, reason: messageOf(error) },
          cause: error,
        }),
      )
      onGone(this)
      return
    }
    try {
      await repair(session, queue)
    } catch (fault) {
      logger.warn({ queue, err: messageOf(fault) }, 'queue not declared again')
    }
    // The first failure is a missing queue more often than not, and that has just been put right.
    if (failures > 1) await pause(retryDelayMs(backoff, failures, Math.random()), this.#wake.signal)
  }

  #onEnd(ended: ConsumerChannel, session: Session): void {
    if (ended !== this.#current) return
    this.#current = null
    if (this.#isCancelled) {
      this.#closing = ended.close().then(() => this.#deps.onGone(this))
      return
    }
    this.#report('lost')
    if (session.isOpen) this.attach(session)
  }

  #deliver(delivery: Delivery): void {
    try {
      this.#options.onDelivery(delivery)
    } catch (err) {
      this.#deps.logger.error({ err, queue: delivery.queue }, 'consumer threw; its message stays unacked')
    }
  }

  #report(state: 'active' | 'lost'): void {
    const { queue, onState } = this.#options
    try {
      onState?.(state)
    } catch (err) {
      this.#deps.logger.error({ err, queue, state }, 'listener of the consumer state threw')
    }
  }
}
