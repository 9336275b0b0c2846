import {
  decodeEngineMessage,
  decodeTaskMessage,
  encodeOutcome,
  isEngineMessage,
  operatorAttemptOf,
  operatorTaskName,
} from '@celeriac/contracts'
import {
  AppError,
  isAppError,
  messageOf,
  partitionCount,
  partitionOf,
  type Broker,
  type Clock,
  type Consumer,
  type Delivery,
  type OutgoingMessage,
} from '@celeriac/core'
import { parkMalformed, type Topology } from '@celeriac/broker'
import type { Logger } from '@celeriac/runtime'
import { pauseBefore, queueOfDeath, returnedMessage } from './returned-message.ts'

export interface UndeliveredDeps {
  readonly broker: Broker
  readonly topology: Topology
  readonly clock: Clock
  readonly logger: Logger
  readonly name: string
}

const retryMs = 500
/** Unacked at a time; so many may wait for their pause. */
const prefetch = 128

/**
 * Deals with what the broker gave up on.
 *
 * - A task message (its delivery limit: it was lost with its worker again and again) is turned into the failure that its
 *   sender waits for.
 * - What lay in an event queue goes back there, for ever: a result, a cancel or a rerun was promised to somebody.
 *   RabbitMQ 4 gives up on messages of quorum queues by itself after twenty returns, and each crash or step-down of a
 *   scheduler returns all that it held, so this says nothing about the message.
 * - Anything else is parked for people to look at.
 */
export class UndeliveredConsumer {
  readonly #deps: UndeliveredDeps
  readonly #waiting = new Set<() => void>()
  #isStopped = false
  #consumer: Consumer | null = null

  constructor(deps: UndeliveredDeps) {
    this.#deps = deps
  }

  async start(): Promise<void> {
    this.#consumer = await this.#deps.broker.consume({
      queue: this.#deps.topology.undelivered,
      prefetch,
      onDelivery: (delivery) => {
        const pauseMs = pauseBefore(delivery)
        if (pauseMs === 0) void this.#answer(delivery)
        else this.#answerLater(delivery, pauseMs)
      },
    })
  }

  /** What waits goes back to the queue with the connection. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const cancel of this.#waiting) cancel()
    this.#waiting.clear()
    await this.#consumer?.cancel()
    this.#consumer = null
  }

  async #answer(delivery: Delivery): Promise<void> {
    const { broker, topology, logger } = this.#deps
    try {
      const answer = this.#answerTo(delivery)
      if (answer !== null) {
        const [outcome] = await broker.publish([answer])
        if (outcome !== 'confirmed') throw new AppError('BROKER_REJECTED', 'the answer could not be sent')
        logger.warn({ ...fieldsOf(delivery), queue: answer.routingKey }, 'undeliverable message answered')
      }
      delivery.ack()
    } catch (error) {
      if (isAppError(error) && error.code === 'BROKER_MESSAGE_MALFORMED')
        await parkMalformed(broker, topology, delivery, error)
      else {
        logger.warn(
          { ...fieldsOf(delivery), err: messageOf(error) },
          'undeliverable message not answered yet',
        )
        // Kept here rather than requeued: the broker counts redeliveries, and this queue has nowhere to give them up to.
        this.#answerLater(delivery, retryMs)
      }
    }
  }

  #answerLater(delivery: Delivery, delayMs: number): void {
    if (this.#isStopped) return
    const cancel = this.#deps.clock.after(delayMs, () => {
      this.#waiting.delete(cancel)
      void this.#answer(delivery)
    })
    this.#waiting.add(cancel)
  }

  /** What to publish in its place; null: it is done with. */
  #answerTo(delivery: Delivery): OutgoingMessage | null {
    const { topology } = this.#deps
    if (isEngineMessage(delivery)) {
      const message = decodeEngineMessage(delivery)
      // It expired in a queue without a consumer: the next one is on its way.
      if (message.event === 'partition.probe') return null
      return returnedMessage(delivery, topology.eventQueue(partitionOf(message.run_id)))
    }
    const queue = queueOfDeath(delivery)
    return queue !== null && this.#isEventQueue(queue)
      ? returnedMessage(delivery, queue)
      : this.#failure(delivery)
  }

  #isEventQueue(queue: string): boolean {
    const { topology } = this.#deps
    return Array.from({ length: partitionCount }, (_, partition) => topology.eventQueue(partition)).includes(
      queue,
    )
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
}

/** How the log names what was given up on: the attempt, as far as the message says. */
function fieldsOf(delivery: Delivery): Readonly<Record<string, unknown>> {
  const task_id = delivery.correlationId
  try {
    const { runId, operatorId, attempt } = operatorAttemptOf(decodeTaskMessage(delivery))
    return { run_id: runId, operator_id: operatorId, attempt, task_id }
  } catch {
    return { task_id } // a message of an event queue, or not to be read: what it is about is in the message itself
  }
}
