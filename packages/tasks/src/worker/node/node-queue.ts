import type { Broker, Consumer, Delivery, PrivateQueueOptions } from '@celeriac/core'

/**
 * A private queue that one part of a node listens to. It goes with the connection, or earlier, when the part stops: a
 * queue that stays bound to the control exchange would look like one more worker.
 */
export class NodeQueue {
  readonly #broker: Broker
  readonly #options: PrivateQueueOptions
  #consumer: Consumer | null = null

  constructor(broker: Broker, options: PrivateQueueOptions) {
    this.#broker = broker
    this.#options = options
  }

  /** Rejects with BROKER_UNAVAILABLE. */
  async listen(onDelivery: (delivery: Delivery) => void): Promise<void> {
    await this.#broker.declarePrivateQueue(this.#options)
    this.#consumer = await this.#broker.consume({
      queue: this.#options.name,
      prefetch: 0,
      noAck: true,
      onDelivery,
    })
  }

  /** Idempotent; never rejects: what cannot be told to the broker ends with the connection. */
  async close(): Promise<void> {
    const consumer = this.#consumer
    this.#consumer = null
    if (consumer === null) return
    await consumer.cancel()
    if (this.#broker.state === 'open')
      await this.#broker.deleteQueue(this.#options.name).catch(() => undefined)
  }
}
