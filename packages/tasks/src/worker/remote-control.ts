import { parkMalformed, type Topology } from '@celeriac/broker'
import { decodeControlMessage, encodeControlReply, type ControlMessage } from '@celeriac/contracts'
import {
  isAppError,
  type Broker,
  type Clock,
  type Delivery,
  type JsonObject,
  type JsonValue,
} from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { LamportClock } from './node/lamport-clock.ts'
import { isMeantFor } from './node/node-pattern.ts'
import { NodeQueue } from './node/node-queue.ts'
import type { ResultPublisher } from './result-publisher.ts'

/** Performs a command; what it gives is the answer, and null is none. Throws what is answered as an error. */
export type ControlCommand = (given: JsonObject) => JsonValue | Promise<JsonValue>

export interface RemoteControlOptions {
  readonly nodeName: string
  readonly broker: Broker
  readonly topology: Topology
  readonly publisher: ResultPublisher
  readonly logger: Logger
  readonly clock: Clock
  readonly logicalClock: LamportClock
  readonly commands: ReadonlyMap<string, ControlCommand>
}

/** As long as Celery keeps control messages for a worker that is slow to read them. */
const messageTtlMs = 300_000

/**
 * Celery's remote control of one node: a private queue on the control fanout. Methods that the node does not know are left
 * unanswered, as Celery does.
 */
export class RemoteControl {
  readonly #options: RemoteControlOptions
  readonly #queue: NodeQueue

  constructor(options: RemoteControlOptions) {
    this.#options = options
    const { broker, topology, nodeName } = options
    this.#queue = new NodeQueue(broker, {
      name: `${topology.prefix}${nodeName}.celery.pidbox`,
      bindings: [{ exchange: topology.controlExchange, routingKey: '' }],
      messageTtlMs,
    })
  }

  async start(): Promise<void> {
    await this.#queue.listen((delivery) => void this.#onDelivery(delivery))
  }

  async stop(): Promise<void> {
    await this.#queue.close()
  }

  async #onDelivery(delivery: Delivery): Promise<void> {
    const { broker, topology, publisher, nodeName, logger, logicalClock } = this.#options
    try {
      const message = decodeControlMessage(delivery)
      logicalClock.adjust(Number(delivery.headers?.['clock'] ?? 0))
      if (!isMeantFor(message, nodeName) || this.#isExpired(delivery)) return
      const reply = await this.#perform(message)
      if (reply === null || message.replyTo === null) return
      const clock = logicalClock.forward()
      void publisher.send(encodeControlReply(message.replyTo, message.ticket, nodeName, reply, clock))
    } catch (error) {
      logger.warn({ err: error }, 'a malformed control message is parked')
      if (isAppError(error)) await parkMalformed(broker, topology, delivery, error)
    }
  }

  #isExpired({ headers }: Delivery): boolean {
    const expires = Number(headers?.['expires'] ?? 0)
    return expires > 0 && expires * 1_000 < this.#options.clock.now()
  }

  async #perform({ method, arguments: given }: ControlMessage): Promise<JsonValue> {
    const { commands, logger } = this.#options
    const command = commands.get(method)
    if (command === undefined) {
      logger.debug({ method }, 'an unknown control method was ignored')
      return null
    }
    try {
      return await command(given)
    } catch (error) {
      logger.warn({ method, err: error }, 'a control command failed')
      const [name, message] = error instanceof Error ? [error.name, error.message] : ['Error', String(error)]
      return { error: `${name}(${JSON.stringify(message)})` }
    }
  }
}
