import {
  delayedDeliveryBinding,
  delayedDeliveryTopology,
  delayedRoute,
  undelayedRoutingKey,
  identityOf,
  withoutDeaths,
} from '@celeriac/broker'
import { messageOf, type Broker, type Delivery, type OutgoingMessage, type QueueSpec } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { ResultPublisher } from '../result-publisher.ts'

/**
 * Native delayed delivery as a worker uses it. Tasks that are not due are sent back to the broker, to wait there: they take
 * neither memory nor a prefetch slot of this worker. Where the delay queues cannot be declared (Celery declared them with
 * other arguments), tasks are held instead, and what is called with a delay goes to its queue at once, with its eta.
 */
export class DelayedReturn {
  readonly #broker: Broker
  readonly #publisher: ResultPublisher
  readonly #prefix: string
  readonly #queueType: QueueSpec['type']
  readonly #logger: Logger
  readonly #bound = new Set<string>()
  #isAvailable = false

  constructor(options: {
    broker: Broker
    publisher: ResultPublisher
    prefix: string
    queueType: QueueSpec['type']
    logger: Logger
  }) {
    this.#broker = options.broker
    this.#publisher = options.publisher
    this.#prefix = options.prefix
    this.#queueType = options.queueType
    this.#logger = options.logger
  }

  async declare(): Promise<void> {
    try {
      await this.#broker.declare(
        delayedDeliveryTopology({ prefix: this.#prefix, queueType: this.#queueType }),
      )
      this.#isAvailable = true
    } catch (error) {
      this.#logger.warn(
        { reason: messageOf(error) },
        'the queues of delayed delivery cannot be declared; tasks that are not due are held in memory',
      )
    }
  }

  async bind(queue: string): Promise<void> {
    if (!this.#isAvailable || this.#bound.has(queue)) return
    await this.#broker.declare({ bindings: [delayedDeliveryBinding(queue, { prefix: this.#prefix })] })
    this.#bound.add(queue)
  }

  /**
   * The message as it can be published: what waits at the broker must find its queue afterwards, also where no worker has
   * bound it yet. Rejects with BROKER_UNAVAILABLE.
   */
  async prepared(message: OutgoingMessage): Promise<OutgoingMessage> {
    if (message.exchange !== delayedRoute(1_000, '', this.#prefix)?.exchange) return message
    const queue = undelayedRoutingKey(message.routingKey)
    if (!this.#isAvailable) return { ...message, exchange: '', routingKey: queue }
    if (!this.#bound.has(queue)) {
      const [existing] = await this.#broker.depths([queue])
      if (existing === undefined) await this.#broker.declare({ queues: [{ name: queue, type: 'classic' }] })
      await this.bind(queue)
    }
    return message
  }

  /** Tells whether the broker has it now; the delivery is acknowledged then. */
  async send(delivery: Delivery, delayMs: number): Promise<'returned' | 'hold' | 'abandoned'> {
    const route = this.#isAvailable ? delayedRoute(delayMs, delivery.queue, this.#prefix) : null
    if (route === null) return 'hold'
    const report = await this.#publisher.deliver({
      ...route,
      body: delivery.body,
      persistent: true,
      ...identityOf(delivery),
      ...(delivery.priority === undefined ? {} : { priority: delivery.priority }),
      headers: withoutDeaths(delivery.headers ?? {}),
    })
    if (report === 'unroutable') return 'hold'
    if (report === 'abandoned') return 'abandoned'
    delivery.ack()
    return 'returned'
  }
}
