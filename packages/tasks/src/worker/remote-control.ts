import { parkMalformed, type Topology } from '@celeriac/broker'
import { decodeControlMessage, encodeControlReply, type ControlMessage } from '@celeriac/contracts'
import { isAppError, type Broker, type Consumer, type Delivery, type JsonObject } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { z } from 'zod'
import type { ResultPublisher } from './result-publisher.ts'

export interface RemoteControlOptions {
  readonly nodeName: string
  readonly broker: Broker
  readonly topology: Topology
  readonly publisher: ResultPublisher
  readonly logger: Logger
  readonly onRevoke: (taskIds: readonly string[], terminate: boolean) => void
}

/** As long as Celery keeps control messages for a worker that is slow to read them. */
const messageTtlMs = 300_000

const revokeSchema = z.looseObject({
  task_id: z.union([z.string().min(1), z.array(z.string().min(1))]),
  terminate: z.boolean().nullish(),
})

/**
 * Celery's remote control of one node: a private queue on the control fanout. It understands `revoke` and `ping`; other
 * methods are left unanswered, as Celery does with what it does not know.
 */
export class RemoteControl {
  readonly #options: RemoteControlOptions
  #consumer: Consumer | null = null

  constructor(options: RemoteControlOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { broker, topology, nodeName } = this.#options
    const queue = `${topology.prefix}${nodeName}.celery.pidbox`
    await broker.declarePrivateQueue({
      name: queue,
      bindings: [{ exchange: topology.controlExchange, routingKey: '' }],
      messageTtlMs,
    })
    this.#consumer = await broker.consume({
      queue,
      prefetch: 0,
      noAck: true,
      onDelivery: (delivery) => void this.#onDelivery(delivery),
    })
  }

  async stop(): Promise<void> {
    await this.#consumer?.cancel()
  }

  async #onDelivery(delivery: Delivery): Promise<void> {
    const { broker, topology, publisher, nodeName, logger } = this.#options
    try {
      const message = decodeControlMessage(delivery)
      if (message.destination !== null && !message.destination.includes(nodeName)) return
      const reply = this.#perform(message)
      if (reply === null || message.replyTo === null) return
      void publisher.send(encodeControlReply(message.replyTo, message.ticket, nodeName, reply))
    } catch (error) {
      logger.warn({ err: error }, 'a malformed control message is parked')
      if (isAppError(error)) await parkMalformed(broker, topology, delivery, error)
    }
  }

  #perform(message: ControlMessage): JsonObject | null {
    switch (message.method) {
      case 'ping':
        return { ok: 'pong' }
      case 'revoke':
        return this.#revoke(message.arguments)
      default:
        this.#options.logger.debug({ method: message.method }, 'an unknown control method was ignored')
        return null
    }
  }

  #revoke(given: JsonObject): JsonObject {
    const parsed = revokeSchema.safeParse(given)
    if (!parsed.success) return { error: 'revoke needs a task_id: a string or a list of strings' }
    const { task_id: ids, terminate } = parsed.data
    const taskIds = typeof ids === 'string' ? [ids] : ids
    this.#options.onRevoke(taskIds, terminate ?? false)
    return { ok: `tasks ${taskIds.join(', ')} flagged as revoked` }
  }
}
