/**
 * A confirm channel and the messages on their way through it.
 *
 *   add ──▶ waiting ──▶ (channel open, not blocked, buffer not full, window not full) ──▶ in flight ──▶ outcome
 *
 * - The order of `add` is the order on the wire.
 * - What is in flight when the channel ends is `unknown`; what still waits is sent on the next channel, unless its
 *   batch has expired by then.
 * - A returned message is matched to the oldest one in flight that equals it. Returns come before their confirms, and
 *   messages that are equal in exchange, routing key, ids, headers and body are interchangeable, so no private id needs
 *   to travel with every message.
 */
import { isDeepStrictEqual } from 'node:util'
import type { ConfirmChannel, ConsumeMessage, Message } from 'amqplib'
import { messageOf, type PublishOutcome } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { Deque } from '../deque.ts'
import { copyProperties } from '../message-properties.ts'
import { missingExchangeOf, replyCodeOf } from './faults.ts'
import type { Publication } from './publish-batch.ts'
import { asBuffer, publishOptions, readProperties } from './wire-message.ts'

/**
 * Most messages in flight. amqplib keeps their callbacks in an array that it shifts: cheap up to some 10,000 entries.
 */
const windowSize = 4_096

export interface PublishLaneOptions {
  readonly logger: Logger
  /** The channel ended while its connection may still be open. */
  readonly onChannelLost: (fault: unknown) => void
  /** A mandatory message came back. */
  readonly onReturned: (exchange: string, routingKey: string) => void
}

export class PublishLane {
  readonly #options: PublishLaneOptions
  readonly #waiting = new Deque<Publication>()
  readonly #inFlight = new Deque<Publication>()
  #channel: ConfirmChannel | null = null
  #fault: unknown = null
  #unanswered = 0
  #isFull = false
  #isBlocked = false

  constructor(options: PublishLaneOptions) {
    this.#options = options
  }

  get hasChannel(): boolean {
    return this.#channel !== null
  }

  get hasWaiting(): boolean {
    return this.#waiting.size > 0
  }

  /** Takes the message; `pump` sends it. */
  add(publication: Publication): void {
    this.#waiting.pushBack(publication)
  }

  attach(channel: ConfirmChannel): void {
    this.#channel = channel
    this.#fault = null
    this.#isFull = false
    channel.on('error', (error) => {
      this.#fault = error
    })
    channel.on('drain', () => {
      this.#isFull = false
      this.pump()
    })
    channel.on('return', (message) => this.#onReturn(message))
    // Before amqplib's own listener, which answers all callbacks: those answers are not negative confirms.
    channel.prependOnceListener('close', () => {
      if (this.#channel === channel) this.#channel = null
    })
    channel.once('close', () => this.#onClosed())
    this.pump()
  }

  /** Forgets waiting messages that were given up, so that nothing piles up while the broker is away. */
  dropSettled(): void {
    for (;;) {
      const first = this.#waiting.peek()
      if (first === undefined || !first.batch.isSettled(first.index)) return
      this.#waiting.popFront()
    }
  }

  setBlocked(isBlocked: boolean): void {
    this.#isBlocked = isBlocked
    this.pump()
  }

  /** Sends as much as may be sent now. */
  pump(): void {
    while (this.#channel !== null && !this.#isFull && !this.#isBlocked && this.#unanswered < windowSize) {
      const publication = this.#waiting.popFront()
      if (publication === undefined) return
      if (!publication.batch.isSettled(publication.index)) this.#send(this.#channel, publication)
    }
  }

  #send(channel: ConfirmChannel, publication: Publication): void {
    const { message, batch, index } = publication
    try {
      const hasRoom = channel.publish(
        message.exchange,
        message.routingKey,
        asBuffer(message.body),
        publishOptions(message),
        (error: unknown) => this.#onAnswer(channel, publication, error !== null),
      )
      this.#isFull = !hasRoom
      this.#unanswered++
      this.#inFlight.pushBack(publication)
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) {
        // Nothing was written: a name over 255 bytes, or headers over amqplib's 64 KiB.
        this.#options.logger.error({ err: messageOf(error) }, 'message cannot be encoded')
        batch.settle(index, 'rejected')
      } else {
        // The channel is closing; its end is about to be announced.
        this.#waiting.pushFront(publication)
        this.#channel = null
      }
    }
  }

  #onAnswer(channel: ConfirmChannel, publication: Publication, isNegative: boolean): void {
    publication.isAnswered = true
    publication.batch.settle(publication.index, this.#outcomeOf(channel, publication, isNegative))
    this.#unanswered--
    while (this.#inFlight.peek()?.isAnswered === true) this.#inFlight.popFront()
    if (this.#waiting.size > 0) this.pump()
  }

  #outcomeOf(channel: ConfirmChannel, publication: Publication, isNegative: boolean): PublishOutcome {
    if (!isNegative) return publication.isReturned ? 'unroutable' : 'confirmed'
    if (this.#channel === channel) return 'rejected'
    const isHomeless = missingExchangeOf(this.#fault) === publication.message.exchange
    return publication.isReturned || isHomeless ? 'unroutable' : 'unknown'
  }

  #onReturn(message: Message): void {
    const publication = this.#find(message)
    if (publication !== undefined) publication.isReturned = true
    this.#options.onReturned(message.fields.exchange, message.fields.routingKey)
  }

  #find({ fields, properties, content }: Message): Publication | undefined {
    const returned = {}
    readProperties(returned, { properties } as ConsumeMessage)
    let similar: Publication | undefined
    for (const publication of this.#inFlight) {
      const { message, isReturned, isAnswered } = publication
      if (isReturned || isAnswered || message.mandatory === false) continue
      if (message.exchange !== fields.exchange || message.routingKey !== fields.routingKey) continue
      if (message.correlationId !== properties.correlationId || !content.equals(message.body)) continue
      // Compared last and in full: ids may be in the headers only.
      if (isDeepStrictEqual(returned, copyProperties(message))) return publication
      similar ??= publication
    }
    return similar
  }

  #onClosed(): void {
    this.#inFlight.clear()
    this.#unanswered = 0
    const fault = this.#fault
    if (replyCodeOf(fault) !== undefined)
      this.#options.logger.warn({ err: messageOf(fault) }, 'publishing channel closed by the broker')
    this.#options.onChannelLost(fault)
  }
}
