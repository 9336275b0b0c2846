/** The client beside `raw-worker.ts`: confirmed persistent publishing, and RPC over RabbitMQ's direct reply-to. */
import amqp, { type ConfirmChannel, type ChannelModel } from 'amqplib'
import { once } from 'node:events'

const directReplyTo = 'amq.rabbitmq.reply-to'

/** As long as the body of a call without arguments. */
const body = Buffer.from('[[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]')

export class RawClient {
  readonly #connection: ChannelModel
  readonly #channel: ConfirmChannel
  readonly #queue: string
  readonly #waiting = new Map<string, () => void>()
  #calls = 0

  private constructor(connection: ChannelModel, channel: ConfirmChannel, queue: string) {
    this.#connection = connection
    this.#channel = channel
    this.#queue = queue
  }

  static async connect(url: string, queue: string): Promise<RawClient> {
    const connection = await amqp.connect(url, { noDelay: true })
    const channel = await connection.createConfirmChannel()
    await channel.assertQueue(queue)
    const client = new RawClient(connection, channel, queue)
    await channel.consume(
      directReplyTo,
      (message) => {
        const id = message?.properties.correlationId as string | undefined
        if (id === undefined) return
        client.#waiting.get(id)?.()
        client.#waiting.delete(id)
      },
      { noAck: true },
    )
    return client
  }

  /** Resolves when the broker has confirmed all of them. */
  async publish(count: number): Promise<void> {
    for (let index = 0; index < count; index++)
      if (!this.#channel.publish('', this.#queue, body, { persistent: true, mandatory: true }))
        await once(this.#channel, 'drain')
    await this.#channel.waitForConfirms()
  }

  /** Sends one message and waits for its answer. */
  call(persistent = true): Promise<void> {
    const correlationId = String(this.#calls++)
    return new Promise((resolve) => {
      this.#waiting.set(correlationId, resolve)
      this.#channel.publish('', this.#queue, body, { persistent, correlationId, replyTo: directReplyTo })
    })
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}
