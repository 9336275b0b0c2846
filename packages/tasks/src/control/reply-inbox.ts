import type { Topology } from '@celeriac/broker'
import { messageOf, type Broker, type Consumer, type Delivery } from '@celeriac/core'
import { newId, type Logger } from '@celeriac/runtime'
import type { Serializers } from '../serialization/serializers.ts'
import { decodeControlReply, type ControlReply } from './control-message.ts'

export interface ReplyInboxOptions {
  readonly broker: Broker
  readonly topology: Pick<Topology, 'prefix' | 'controlReplyExchange'>
  readonly serializers: Serializers
  readonly logger: Logger
}

/** As Celery's `control_queue_ttl` and `control_queue_expires`. */
const messageTtlMs = 300_000
const expiresMs = 10_000

/** The private queue that answers to remote control come to; who waits is told by the ticket of the request. */
export class ReplyInbox {
  readonly routingKey = newId()
  readonly #options: ReplyInboxOptions
  readonly #waiting = new Map<string, (reply: ControlReply) => void>()
  #consumer: Consumer | null = null

  constructor(options: ReplyInboxOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { broker, topology } = this.#options
    await broker.declarePrivateQueue({
      name: this.#queue,
      bindings: [{ exchange: topology.controlReplyExchange, routingKey: this.routingKey }],
      messageTtlMs,
      expiresMs,
    })
    this.#consumer = await broker.consume({
      queue: this.#queue,
      prefetch: 0,
      noAck: true,
      onDelivery: (delivery) => this.#onDelivery(delivery),
    })
  }

  async stop(): Promise<void> {
    this.#waiting.clear()
    await this.#consumer?.cancel()
    // On a broken connection the queue is gone already.
    await this.#options.broker.deleteQueue(this.#queue).catch(() => undefined)
  }

  /** Gives the end of listening. Replies that come later are dropped. */
  listen(ticket: string, onReply: (reply: ControlReply) => void): () => void {
    this.#waiting.set(ticket, onReply)
    return () => void this.#waiting.delete(ticket)
  }

  get #queue(): string {
    return `${this.#options.topology.prefix}${this.routingKey}.reply.celery.pidbox`
  }

  #onDelivery(delivery: Delivery): void {
    const { serializers, logger } = this.#options
    try {
      const reply = decodeControlReply(delivery, serializers)
      this.#waiting.get(reply.ticket)?.(reply)
    } catch (error) {
      logger.warn({ reason: messageOf(error) }, 'a reply to remote control could not be read')
    }
  }
}
