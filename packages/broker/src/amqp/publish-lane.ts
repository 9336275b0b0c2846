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
import { ChannelClosing, PublishFrames } from './publish-frames.ts'
import { readProperties } from './wire-message.ts'

/** Most messages in flight. */
const windowSize = 4_096

export interface PublishLaneOptions {
  readonly logger: Logger
  /** The channel ended while its connection may still be open. */
  readonly onChannelLost: (fault: unknown) => void
  /** A mandatory message came back. */
  readonly onReturned: (exchange: string, routingKey: string) => void
}

/** The broker's answer to a message, or to all up to it. */
interface Confirm {
  readonly deliveryTag: number
  readonly multiple: boolean
}

export class PublishLane {
  readonly #options: PublishLaneOptions
  readonly #waiting = new Deque<Publication>()
  /** In the order of their delivery tags, without gaps; the first has `#firstTag`. */
  readonly #inFlight = new Deque<Publication>()
  #firstTag = 1
  #frames: PublishFrames | null = null
  #fault: unknown = null
  #unanswered = 0
  #isBlocked = false

  constructor(options: PublishLaneOptions) {
    this.#options = options
  }

  get hasChannel(): boolean {
    return this.#frames !== null
  }

  get hasWaiting(): boolean {
    return this.#waiting.size > 0
  }

  /** Takes the message; `pump` sends it. */
  add(publication: Publication): void {
    this.#waiting.pushBack(publication)
  }

  attach(channel: ConfirmChannel): void {
    const frames = new PublishFrames(channel)
    this.#frames = frames
    this.#fault = null
    this.#firstTag = 1
    channel.on('error', (error) => {
      this.#fault = error
    })
    const stopListening = frames.onRoom(() => this.pump())
    channel.on('return', (message) => this.#onReturn(message))
    // Instead of amqplib's own listeners, which would look for a callback per message.
    channel.removeAllListeners('ack').removeAllListeners('nack')
    channel.on('ack', (confirm: Confirm) => this.#onConfirm(confirm, 'confirmed'))
    channel.on('nack', (confirm: Confirm) => this.#onConfirm(confirm, 'rejected'))
    channel.once('close', () => {
      stopListening()
      if (this.#frames === frames) this.#frames = null
      this.#onClosed()
    })
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
    const frames = this.#frames
    if (frames === null || this.#isBlocked) return
    while (!frames.isFull && this.#unanswered < windowSize) {
      const publication = this.#waiting.popFront()
      if (publication === undefined) break
      if (!publication.batch.isSettled(publication.index) && !this.#write(frames, publication)) return
    }
    frames.flush()
  }

  /** False: the channel takes nothing any more. */
  #write(frames: PublishFrames, publication: Publication): boolean {
    try {
      frames.write(publication.message)
    } catch (error) {
      if (error instanceof ChannelClosing) {
        // Its end is about to be announced.
        this.#waiting.pushFront(publication)
        this.#frames = null
        return false
      }
      // A name over 255 bytes, headers over 64 KiB …
      this.#options.logger.error({ err: messageOf(error) }, 'message cannot be encoded')
      publication.batch.settle(publication.index, 'rejected')
      return true
    }
    this.#unanswered++
    this.#inFlight.pushBack(publication)
    return true
  }

  #onConfirm({ deliveryTag, multiple }: Confirm, answer: 'confirmed' | 'rejected'): void {
    const count = deliveryTag - this.#firstTag + 1
    for (let offset = multiple ? 0 : count - 1; offset < count; offset++)
      this.#answer(this.#inFlight.at(offset), answer)
    while (this.#inFlight.peek()?.isAnswered === true) {
      this.#inFlight.popFront()
      this.#firstTag++
    }
    if (this.#waiting.size > 0) this.pump()
  }

  #answer(publication: Publication | undefined, answer: PublishOutcome): void {
    if (publication === undefined || publication.isAnswered) return
    publication.isAnswered = true
    this.#unanswered--
    const isUnroutable = publication.isReturned && answer !== 'rejected'
    publication.batch.settle(publication.index, isUnroutable ? 'unroutable' : answer)
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

  /** What has no answer may have arrived or not; unless it came back, or there is nowhere that it could have gone. */
  #onClosed(): void {
    const fault = this.#fault
    const missingExchange = missingExchangeOf(fault)
    for (const publication of this.#inFlight)
      this.#answer(publication, publication.message.exchange === missingExchange ? 'unroutable' : 'unknown')
    this.#inFlight.clear()
    this.#unanswered = 0
    if (replyCodeOf(fault) !== undefined)
      this.#options.logger.warn({ err: messageOf(fault) }, 'publishing channel closed by the broker')
    this.#options.onChannelLost(fault)
  }
}
