/**
 * One consumer on one channel of its own, from its subscription to its end; never revived.
 *
 * Delivery tags mean something on this channel only, so deliveries keep a reference to it and not to the consumer that
 * outlives it: once the channel is gone (`#isAlive` false) their acks do nothing, and the broker delivers again.
 *
 * Acks are collected and sent once per macrotask (see `AckLedger`): a handler that acks a batch of a thousand
 * deliveries costs one frame. Requeues and rejects are sent at once.
 *
 * RabbitMQ keeps at most 32 settlements in flight to a quorum queue, holds further ones back in the channel's process,
 * and forgets those when the channel closes (seen on 3.10). So a channel that has just sent many is closed a little
 * later; otherwise work that is done would be delivered again after every orderly stop.
 */
import { setTimeout } from 'node:timers/promises'
import type { ConsumeOptions, Delivery, JsonValue } from '@celeriac/core'
import type { Channel, ConsumeMessage } from 'amqplib'
import { AckLedger } from './ack-ledger.ts'
import { readProperties } from './wire-message.ts'
import { closeQuietly, type Session } from './session.ts'

export interface ConsumerChannelOptions extends Pick<ConsumeOptions, 'queue' | 'prefetch' | 'noAck'> {
  readonly onDelivery: (delivery: Delivery) => void
  /** Called once, when the channel has ended for whatever reason. */
  readonly onEnd: (channel: ConsumerChannel) => void
}

/** Settlement frames in one burst after which closing waits: half of what RabbitMQ passes on at once. */
const safeBurst = 16
/** How long closing waits for RabbitMQ to pass on what it holds back, and the gap that ends a burst. */
const settlingMs = 100

export class ConsumerChannel {
  readonly #channel: Channel
  readonly #options: ConsumerChannelOptions
  readonly #ledger = new AckLedger()
  #consumerTag = ''
  #isAlive = true
  #isCancelled = false
  #isFlushScheduled = false
  #closing: Promise<void> | null = null
  #burst = 0
  #lastFrameAt = 0

  private constructor(channel: Channel, options: ConsumerChannelOptions) {
    this.#channel = channel
    this.#options = options
    channel.once('close', () => this.#end())
  }

  /** Subscribes. Throws what the driver throws: the queue does not exist, the connection broke … */
  static async open(session: Session, options: ConsumerChannelOptions): Promise<ConsumerChannel> {
    const channel = await session.openChannel()
    const consumer = new ConsumerChannel(channel, options)
    try {
      if (options.prefetch > 0 && options.noAck !== true) await channel.prefetch(options.prefetch)
      const { consumerTag } = await channel.consume(options.queue, (message) => consumer.#receive(message), {
        noAck: options.noAck ?? false,
      })
      consumer.#consumerTag = consumerTag
      return consumer
    } catch (error) {
      await closeQuietly(channel)
      throw error
    }
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  /** No more deliveries; those handed out can still be settled, and the channel closes with the last of them. */
  async cancel(): Promise<void> {
    await this.halt()
    this.#closeWhenSettled()
  }

  /** No more deliveries; the channel stays. */
  async halt(): Promise<void> {
    if (this.#isCancelled) return
    this.#isCancelled = true
    try {
      await this.#channel.cancel(this.#consumerTag)
    } catch {
      // The channel is gone, and the consumer with it.
    }
  }

  /** Sends outstanding acks and closes; what is unacked goes back to the queue. Every caller awaits the same closing. */
  close(): Promise<void> {
    // Not at once: `onEnd`, which is called on the way, may ask for the same closing.
    this.#closing ??= Promise.resolve().then(() => this.#close())
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#isCancelled = true
    this.#flush()
    this.#end()
    if (this.#burst > safeBurst && performance.now() - this.#lastFrameAt < settlingMs)
      await setTimeout(settlingMs)
    await closeQuietly(this.#channel)
  }

  settle(tag: number, how: 'ack' | 'requeue' | 'reject'): void {
    if (!this.#isAlive) return
    if (how === 'ack') {
      this.#ledger.ack(tag)
      this.#scheduleFlush()
      return
    }
    this.#ledger.settle(tag)
    this.#countFrames(1)
    this.#send(() => this.#channel.reject(messageWith(tag), how === 'requeue'))
    this.#closeWhenSettled()
  }

  #receive(message: ConsumeMessage | null): void {
    if (message === null) {
      // Cancelled by the server: the queue was deleted, or its node went away.
      this.#flush()
      this.#end()
      void closeQuietly(this.#channel)
      return
    }
    const { noAck = false, queue, onDelivery } = this.#options
    const tag = message.fields.deliveryTag
    if (!noAck) this.#ledger.deliver()
    // Crossed with our cancel. Without acks it would be lost, so then it is handed over all the same.
    if (this.#isCancelled && !noAck) this.settle(tag, 'requeue')
    else onDelivery(new AmqpDelivery(message, queue, noAck ? null : this, tag))
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return
    this.#isFlushScheduled = true
    setImmediate(() => {
      this.#isFlushScheduled = false
      this.#flush()
      this.#closeWhenSettled()
    })
  }

  #flush(): void {
    if (!this.#isAlive) return
    const { upTo, single } = this.#ledger.flush()
    this.#countFrames((upTo === null ? 0 : 1) + single.length)
    this.#send(() => {
      if (upTo !== null) this.#channel.ack(messageWith(upTo.tag), upTo.isMultiple)
      for (const tag of single) this.#channel.ack(messageWith(tag))
    })
  }

  #countFrames(count: number): void {
    if (count === 0) return
    const now = performance.now()
    if (now - this.#lastFrameAt > settlingMs) this.#burst = 0
    this.#burst += count
    this.#lastFrameAt = now
  }

  /** amqplib throws when the channel has just ended: then the broker delivers again, and there is nothing to do. */
  #send(frames: () => void): void {
    try {
      frames()
    } catch {
      this.#end()
    }
  }

  #closeWhenSettled(): void {
    if (this.#isCancelled && this.#isAlive && this.#ledger.open === 0) void this.close()
  }

  #end(): void {
    if (!this.#isAlive) return
    this.#isAlive = false
    this.#options.onEnd(this)
  }
}

/** amqplib's ack takes a message and reads its tag only; keeping the message would keep its body. */
const messageWith = (deliveryTag: number): ConsumeMessage =>
  ({ fields: { deliveryTag } }) as unknown as ConsumeMessage

class AmqpDelivery implements Delivery {
  // Declared only: a property that the message does not have is absent, not undefined.
  declare readonly contentType?: string
  declare readonly contentEncoding?: string
  declare readonly correlationId?: string
  declare readonly replyTo?: string
  declare readonly messageId?: string
  declare readonly type?: string
  declare readonly appId?: string
  declare readonly priority?: number
  declare readonly persistent?: boolean
  declare readonly expirationMs?: number
  declare readonly headers?: Readonly<Record<string, JsonValue>>
  readonly queue: string
  readonly exchange: string
  readonly routingKey: string
  readonly body: Uint8Array
  readonly redelivered: boolean
  readonly deliveryCount: number
  #channel: ConsumerChannel | null
  readonly #tag: number

  constructor(message: ConsumeMessage, queue: string, channel: ConsumerChannel | null, tag: number) {
    this.queue = queue
    this.exchange = message.fields.exchange
    this.routingKey = message.fields.routingKey
    this.body = message.content
    this.redelivered = message.fields.redelivered
    this.deliveryCount = readProperties(this, message)
    this.#channel = channel
    this.#tag = tag
  }

  ack(): void {
    this.#settle('ack')
  }

  requeue(): void {
    this.#settle('requeue')
  }

  reject(): void {
    this.#settle('reject')
  }

  #settle(how: 'ack' | 'requeue' | 'reject'): void {
    const channel = this.#channel
    this.#channel = null
    channel?.settle(this.#tag, how)
  }
}
