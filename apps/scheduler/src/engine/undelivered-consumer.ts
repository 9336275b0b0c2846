import {
  decodeEngineMessage,
  encodeEngineMessage,
  encodeOutcome,
  isEngineMessage,
  operatorTaskName,
} from '@celeriac/contracts'
import {
  AppError,
  isAppError,
  messageOf,
  partitionOf,
  type Broker,
  type Clock,
  type Consumer,
  type Delivery,
  type OutgoingMessage,
} from '@celeriac/core'
import { parkMalformed, type Topology } from '@celeriac/broker'
import type { Logger } from '@celeriac/runtime'

export interface UndeliveredDeps {
  readonly broker: Broker
  readonly topology: Topology
  readonly clock: Clock
  readonly logger: Logger
  readonly name: string
}

const retryMs = 500

/**
 * Answers for workers that cannot: a task message that the broker gave up on (its delivery limit: it was lost with its
 * worker again and again) is turned into the failure that its sender waits for. Anything else that was dead-lettered
 * is parked for people to look at.
 */
export class UndeliveredConsumer {
  readonly #deps: UndeliveredDeps
  #consumer: Consumer | null = null

  constructor(deps: UndeliveredDeps) {
    this.#deps = deps
  }

  async start(): Promise<void> {
    this.#consumer = await this.#deps.broker.consume({
      queue: this.#deps.topology.undelivered,
      prefetch: 32,
      onDelivery: (delivery) => void this.#answer(delivery),
    })
  }

  async stop(): Promise<void> {
    await this.#consumer?.cancel()
    this.#consumer = null
  }

  async #answer(delivery: Delivery): Promise<void> {
    const { broker, topology, clock, logger } = this.#deps
    try {
      const answer = isEngineMessage(delivery) ? this.#returned(delivery) : this.#failure(delivery)
      if (answer !== null) {
        const [outcome] = await broker.publish([answer])
        if (outcome !== 'confirmed') throw new AppError('BROKER_REJECTED', 'the answer could not be sent')
        logger.warn(
          { task_id: delivery.correlationId, queue: answer.routingKey },
          'undeliverable message answered',
        )
      }
      delivery.ack()
    } catch (error) {
      if (isAppError(error) && error.code === 'BROKER_MESSAGE_MALFORMED')
        await parkMalformed(broker, topology, delivery, error)
      else {
        logger.warn(
          { err: messageOf(error), task_id: delivery.correlationId },
          'undeliverable message not answered yet',
        )
        // Kept here rather than requeued: the broker counts redeliveries, and this queue has nowhere to give them up to.
        clock.after(retryMs, () => void this.#answer(delivery))
      }
    }
  }

  /** The failure that the sender of an operator task waits for. */
  #failure(delivery: Delivery): OutgoingMessage {
    const { correlationId: taskId, replyTo, headers, deliveryCount } = delivery
    if (headers?.['task'] !== operatorTaskName || taskId === undefined || !replyTo)
      throw new AppError('BROKER_MESSAGE_MALFORMED', 'a dead-lettered message that is not an operator task')
    const failure = {
      code: 'TASK_WORKER_LOST',
      message: 'the task was lost with its worker too often; it may be what kills them (memory?)',
      details: { deliveries: deliveryCount },
    } as const
    const runner = { worker: this.#deps.name, startedAt: null }
    return encodeOutcome(taskId, replyTo, runner, { status: 'failed', failure, retryable: false })
  }

  /**
   * An event of the engine goes back to its partition: RabbitMQ 4 gives up on messages of quorum queues by itself after
   * twenty crashes, and a cancel or a rerun was promised to somebody. A probe that expired in a queue without a consumer
   * is done with: the next one is on its way.
   */
  #returned(delivery: Delivery): OutgoingMessage | null {
    const message = decodeEngineMessage(delivery)
    if (message.event === 'partition.probe') return null
    return encodeEngineMessage(message, this.#deps.topology.eventQueue(partitionOf(message.run_id)))
  }
}
