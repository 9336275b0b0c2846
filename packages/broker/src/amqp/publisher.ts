import {
  messageOf,
  retryDelayMs,
  type OutgoingMessage,
  type PublishOutcome,
  type RetryPolicy,
} from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { Deque } from '../deque.ts'
import { assertPublishable } from '../message-limits.ts'
import { pause } from './pause.ts'
import { PublishBatch } from './publish-batch.ts'
import { PublishLane } from './publish-lane.ts'
import type { Session } from './session.ts'

export interface PublisherOptions {
  readonly logger: Logger
  readonly backoff: RetryPolicy
  /** A message without an outcome becomes `unknown` after this time, whether it was sent or not. */
  readonly timeoutMs: number
  /** Is the exchange sure to exist: of the topology, or declared at run time? */
  readonly isKnownExchange: (name: string) => boolean
  readonly repair: (session: Session) => Promise<void>
  readonly onReturned: (exchange: string, routingKey: string) => void
}

/**
 * Publishes through two lanes. Messages to exchanges that were declared share one. Those to any other exchange, named by
 * whoever asked for an answer, have their own: RabbitMQ closes the channel that names a missing exchange, and what is in
 * flight on it becomes `unknown`.
 */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #known: PublishLane
  readonly #foreign: PublishLane
  readonly #opening = new Set<PublishLane>()
  readonly #outstanding = new Deque<PublishBatch>()
  readonly #stopping = new AbortController()
  #session: Session | null = null
  #expiry: NodeJS.Timeout | undefined

  constructor(options: PublisherOptions) {
    this.#options = options
    const { logger, onReturned } = options
    this.#known = new PublishLane({
      logger,
      onReturned,
      onChannelLost: (fault) => this.#onChannelLost(this.#known, fault),
    })
    this.#foreign = new PublishLane({
      logger,
      onReturned: () => {},
      onChannelLost: (fault) => {
        if (this.#foreign.hasWaiting) this.#onChannelLost(this.#foreign, fault)
      },
    })
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<readonly PublishOutcome[]> {
    assertPublishable(messages)
    if (messages.length === 0) return []
    if (this.#stopping.signal.aborted) return messages.map(() => 'unknown')
    const batch = new PublishBatch(messages.length, performance.now() + this.#options.timeoutMs)
    let hasForeign = false
    messages.forEach((message, index) => {
      const isForeign = message.exchange !== '' && !this.#options.isKnownExchange(message.exchange)
      if (isForeign) hasForeign = true
      const lane = isForeign ? this.#foreign : this.#known
      lane.add({ message, batch, index, isReturned: false, isAnswered: false })
    })
    this.#known.pump()
    if (hasForeign) this.#openForeign()
    this.#expireLater(batch)
    return batch.outcomes
  }

  /** The broker is connected; resolves when messages can be sent. */
  async attach(session: Session): Promise<void> {
    this.#session = session
    this.setBlocked(session.isBlocked)
    this.#known.attach(await session.openConfirmChannel())
    if (this.#foreign.hasWaiting) this.#openForeign()
  }

  setBlocked(isBlocked: boolean): void {
    this.#known.setBlocked(isBlocked)
    this.#foreign.setBlocked(isBlocked)
  }

  /** Waits until everything has its outcome, but no longer than `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    const all = Promise.all([...this.#outstanding].map((batch) => batch.outcomes))
    const drained = new AbortController()
    await Promise.race([all, pause(graceMs, drained.signal)])
    drained.abort()
  }

  /** Whatever has no outcome yet, or is published from now on, is `unknown`. */
  stop(): void {
    this.#stopping.abort()
    clearTimeout(this.#expiry)
    for (const batch of this.#outstanding) batch.expire()
    this.#outstanding.clear()
  }

  #openForeign(): void {
    if (this.#foreign.hasChannel) this.#foreign.pump()
    else this.#onChannelLost(this.#foreign, null)
  }

  #onChannelLost(lane: PublishLane, fault: unknown): void {
    const session = this.#session
    if (session === null || !session.isOpen || this.#opening.has(lane)) return
    this.#opening.add(lane)
    void this.#reopen(lane, session, fault).finally(() => this.#opening.delete(lane))
  }

  async #reopen(lane: PublishLane, session: Session, fault: unknown): Promise<void> {
    const { repair, logger, backoff } = this.#options
    const { signal } = this.#stopping
    let isDamaged = fault !== null && lane === this.#known
    for (let failures = 0; session.isOpen && !signal.aborted;) {
      try {
        if (isDamaged) await repair(session)
        lane.attach(await session.openConfirmChannel())
        return
      } catch (error) {
        if (!session.isOpen || signal.aborted) return
        isDamaged = lane === this.#known
        logger.warn({ err: messageOf(error) }, 'publishing channel not opened; it is tried again')
        await pause(retryDelayMs(backoff, ++failures, Math.random()), signal)
      }
    }
  }

  /** One timer for all: batches expire in the order of their publishing. */
  #expireLater(batch: PublishBatch): void {
    while (this.#outstanding.peek()?.isComplete === true) this.#outstanding.popFront()
    this.#outstanding.pushBack(batch)
    if (this.#expiry === undefined) this.#armExpiry(batch)
  }

  #armExpiry(first: PublishBatch): void {
    const delayMs = Math.max(0, first.expiresAt - performance.now())
    this.#expiry = setTimeout(() => {
      this.#expiry = undefined
      this.#expireDue()
    }, delayMs).unref()
  }

  #expireDue(): void {
    for (;;) {
      const first = this.#outstanding.peek()
      if (first === undefined) break
      if (!first.isComplete) {
        if (first.expiresAt > performance.now()) {
          this.#armExpiry(first)
          break
        }
        first.expire()
      }
      this.#outstanding.popFront()
    }
    this.#known.dropSettled()
    this.#foreign.dropSettled()
  }
}
