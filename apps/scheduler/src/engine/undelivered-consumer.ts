import { encodeOutcome, isEngineMessage, operatorTaskName } from '@celeriac/contracts'
import {
  AppError,
  isAppError,
  messageOf,
  type Broker,
  type Clock,
  type Consumer,
  type Delivery,
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
    const { broker, topology, clock, logger, name } = this.#deps
    const taskId = delivery.correlationId
    const replyTo = delivery.replyTo
    // A probe that expired in a queue that had no consumer then: the next one is on its way.
    if (isEngineMessage(delivery)) {
      delivery.ack()
      return
    }
    try {
      if (delivery.headers?.['task'] !== operatorTaskName || taskId === undefined || !replyTo)
        throw new AppError('BROKER_MESSAGE_MALFORMED', 'a dead-lettered message that is not an operator task')
      const failure = {
        code: 'TASK_WORKER_LOST',
        message: 'the task was lost with its worker too often; it may be what kills them (memory?)',
        details: { deliveries: delivery.deliveryCount },
      } as const
      const runner = { worker: name, startedAt: null }
      const [outcome] = await broker.publish([
        encodeOutcome(taskId, replyTo, runner, { status: 'failed', failure, retryable: false }),
      ])
      if (outcome !== 'confirmed') throw new AppError('BROKER_REJECTED', 'the failure could not be reported')
      logger.warn({ task_id: taskId }, 'undeliverable task failed')
      delivery.ack()
    } catch (error) {
      if (isAppError(error) && error.code === 'BROKER_MESSAGE_MALFORMED')
        await parkMalformed(broker, topology, delivery, error)
      else {
        logger.warn({ err: messageOf(error), task_id: taskId }, 'undeliverable task not answered yet')
        // Kept here rather than requeued: the broker counts redeliveries, and this queue has nowhere to give them up to.
        clock.after(retryMs, () => void this.#answer(delivery))
      }
    }
  }
}
