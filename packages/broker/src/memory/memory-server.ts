import {
  AppError,
  type Clock,
  type OutgoingMessage,
  type PublishOutcome,
  type QueueDepth,
} from '@celeriac/core'
import type { Topology } from '../topology.ts'
import { MemoryQueue, type QueueOptions } from './memory-queue.ts'
import { Exchange } from './routing.ts'
import { deadLettered, storeMessage, type DeathReason, type StoredMessage } from './stored-message.ts'

/** Stands for one connection: the owner of private queues. */
export type ConnectionToken = symbol

/**
 * What the memory brokers of a process share: exchanges, queues and the messages in them. Connections come and go
 * (`createMemoryBroker({ server })`); messages stay until the process ends.
 */
export class MemoryServer {
  readonly #clock: Clock
  readonly #exchanges = new Map<string, Exchange>()
  readonly #queues = new Map<string, MemoryQueue>()
  readonly #owners = new Map<string, ConnectionToken>()
  readonly #connections = new Set<ConnectionToken>()

  constructor({ topology, clock }: { readonly topology: Topology; readonly clock: Clock }) {
    this.#clock = clock
    for (const { name, type } of topology.exchanges) this.#exchanges.set(name, new Exchange(type))
    for (const queue of topology.queues) this.#addQueue(queue)
    for (const { exchange, queue, routingKey } of topology.bindings)
      this.#exchange(exchange).bind(queue, routingKey)
  }

  connect(connection: ConnectionToken): void {
    this.#connections.add(connection)
    for (const queue of this.#queues.values()) queue.wake()
  }

  disconnect(connection: ConnectionToken): void {
    for (const [name, owner] of this.#owners) if (owner === connection) this.#deleteQueue(name)
    this.#connections.delete(connection)
    if (this.#connections.size === 0) for (const queue of this.#queues.values()) queue.sleep()
  }

  /** The queue, for one of its consumers. Throws BROKER_UNAVAILABLE when there is none or it is someone else's. */
  queue(name: string, connection: ConnectionToken): MemoryQueue {
    const queue = this.#queues.get(name)
    if (queue === undefined)
      throw new AppError('BROKER_UNAVAILABLE', 'there is no such queue', { details: { queue: name } })
    const owner = this.#owners.get(name)
    if (owner !== undefined && owner !== connection) throw foreignQueue(name)
    return queue
  }

  declarePrivateQueue(
    name: string,
    bindings: readonly { readonly exchange: string; readonly routingKey: string }[],
    messageTtlMs: number | undefined,
    connection: ConnectionToken,
  ): void {
    if (this.#queues.has(name)) {
      if (this.#owners.get(name) !== connection) throw foreignQueue(name)
    } else {
      this.#addQueue({ name, type: 'classic', ...(messageTtlMs === undefined ? {} : { messageTtlMs }) })
      this.#owners.set(name, connection)
    }
    for (const { exchange, routingKey } of bindings) this.#exchange(exchange).bind(name, routingKey)
  }

  publish(message: OutgoingMessage): PublishOutcome {
    const queues = this.#route(message)
    if (queues === null) return 'unroutable'
    if (queues.length === 0) return message.mandatory === false ? 'confirmed' : 'unroutable'
    let isTaken = true
    for (const queue of queues)
      if (!queue.enqueue(storeMessage(message, this.#clock.now(), queue.options.messageTtlMs)))
        isTaken = false
    return isTaken ? 'confirmed' : 'rejected'
  }

  depths(names: readonly string[]): QueueDepth[] {
    return names.flatMap((name) => {
      const queue = this.#queues.get(name)
      return queue === undefined ? [] : [{ queue: name, ...queue.depth }]
    })
  }

  /** The queues that the message goes to; null when its exchange does not exist. */
  #route({ exchange, routingKey }: OutgoingMessage): MemoryQueue[] | null {
    const names = exchange === '' ? [routingKey] : this.#exchanges.get(exchange)?.route(routingKey)
    if (names === undefined) return null
    return [...names].flatMap((name) => this.#queues.get(name) ?? [])
  }

  #deadLetter(queue: MemoryQueue, message: StoredMessage, reason: DeathReason): void {
    const { name, deadLetter } = queue.options
    if (deadLetter === undefined) return
    this.publish(deadLettered(message, deadLetter, name, reason, this.#clock.now()))
  }

  #addQueue(options: QueueOptions): void {
    this.#queues.set(
      options.name,
      new MemoryQueue(options, this.#clock, (queue, message, reason) =>
        this.#deadLetter(queue, message, reason),
      ),
    )
  }

  #deleteQueue(name: string): void {
    this.#queues.get(name)?.sleep()
    this.#queues.delete(name)
    this.#owners.delete(name)
    for (const exchange of this.#exchanges.values()) exchange.unbindQueue(name)
  }

  #exchange(name: string): Exchange {
    const exchange = this.#exchanges.get(name)
    if (exchange === undefined)
      throw new AppError('BROKER_UNAVAILABLE', 'there is no such exchange', { details: { exchange: name } })
    return exchange
  }
}

const foreignQueue = (queue: string): AppError =>
  new AppError('BROKER_UNAVAILABLE', 'the queue belongs to another connection', { details: { queue } })

/** A server for several memory brokers of this process, which then are like connections to one RabbitMQ. */
export const createMemoryServer = (options: {
  readonly topology: Topology
  readonly clock: Clock
}): MemoryServer => new MemoryServer(options)
