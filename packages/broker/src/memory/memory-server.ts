import { isDeepStrictEqual } from 'node:util'
import {
  AppError,
  type BindingSpec,
  type Clock,
  type Declaration,
  type ExchangeSpec,
  type OutgoingMessage,
  type PrivateQueueOptions,
  type PublishOutcome,
  type QueueDepth,
  type QueueSpec,
} from '@celeriac/core'
import { queueArguments } from '../queue-arguments.ts'
import { fixedQueue, type Topology } from '../topology.ts'
import { MemoryQueue, type QueueEvents } from './memory-queue.ts'
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
  readonly #fixedQueues: ReadonlySet<string>
  /** Consumers of deleted queues, by queue. */
  readonly #orphans = new Map<string, Set<Orphan>>()
  readonly #queueEvents: QueueEvents = {
    onDead: (queue, message, reason) => this.#deadLetter(queue, message, reason),
    onUnused: ({ options }) => this.#deleteQueue(options.name),
  }

  constructor({ topology, clock }: { readonly topology: Topology; readonly clock: Clock }) {
    this.#clock = clock
    this.#fixedQueues = new Set(topology.queues.map((queue) => queue.name))
    for (const exchange of topology.exchanges) this.#declareExchange(exchange)
    for (const queue of topology.queues) this.#addQueue(queue)
    for (const binding of topology.bindings) this.#bind(binding)
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
    { name, bindings, messageTtlMs, expiresMs }: PrivateQueueOptions,
    connection: ConnectionToken,
  ): void {
    if (this.#queues.has(name)) {
      if (this.#owners.get(name) !== connection) throw foreignQueue(name)
    } else {
      this.#owners.set(name, connection)
      this.#addQueue({
        name,
        type: 'classic',
        ...(messageTtlMs === undefined ? {} : { messageTtlMs }),
        ...(expiresMs === undefined ? {} : { expiresMs }),
      })
    }
    for (const binding of bindings) this.#bind({ ...binding, queue: name })
  }

  declare({ exchanges = [], queues = [], bindings = [] }: Declaration): void {
    for (const exchange of exchanges) this.#declareExchange(exchange)
    for (const queue of queues) this.#declareQueue(queue)
    for (const binding of bindings) this.#bind(binding)
  }

  purge(name: string): number {
    return this.#queues.get(name)?.purge() ?? 0
  }

  deleteQueue(name: string, connection: ConnectionToken): void {
    if (this.#fixedQueues.has(name)) throw fixedQueue(name)
    if (!this.#queues.has(name)) return
    this.queue(name, connection)
    this.#deleteQueue(name)
  }

  /** Calls `onQueue` once, when a queue of this name that the connection may consume is declared; returns the removal. */
  whenDeclared(name: string, connection: ConnectionToken, onQueue: (queue: MemoryQueue) => void): () => void {
    const orphan = { connection, onQueue }
    const orphans = this.#orphans.get(name) ?? new Set()
    this.#orphans.set(name, orphans.add(orphan))
    return () => void orphans.delete(orphan)
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
    if (exchange === '') return this.#queuesOf([routingKey])
    if (!this.#exchanges.has(exchange)) return null
    // Exchanges may be bound in a ring; each is asked once.
    const exchanges = new Set([exchange])
    const names = new Set<string>()
    for (const name of exchanges) {
      const next = this.#exchange(name).route(routingKey)
      for (const queue of next.queues) names.add(queue)
      for (const further of next.exchanges) exchanges.add(further)
    }
    return this.#queuesOf([...names])
  }

  #queuesOf(names: readonly string[]): MemoryQueue[] {
    return names.flatMap((name) => this.#queues.get(name) ?? [])
  }

  #deadLetter(queue: MemoryQueue, message: StoredMessage, reason: DeathReason): void {
    const { name, deadLetter } = queue.options
    if (deadLetter === undefined) return
    this.publish(deadLettered(message, deadLetter, name, reason, this.#clock.now()))
  }

  #declareExchange({ name, type }: ExchangeSpec): void {
    const existing = this.#exchanges.get(name)
    if (existing === undefined) this.#exchanges.set(name, new Exchange(type))
    else if (existing.type !== type) throw otherArguments({ exchange: name })
  }

  #declareQueue(spec: QueueSpec): void {
    const existing = this.#queues.get(spec.name)
    if (existing === undefined) return this.#addQueue(spec)
    if (this.#owners.has(spec.name)) throw foreignQueue(spec.name)
    if (!isDeepStrictEqual(identityOf(existing.options), identityOf(spec)))
      throw otherArguments({ queue: spec.name })
    existing.touch()
  }

  #bind(binding: BindingSpec): void {
    const exchange = this.#exchange(binding.exchange)
    if ('queue' in binding && !this.#queues.has(binding.queue))
      throw new AppError('BROKER_UNAVAILABLE', 'there is no such queue', {
        details: { queue: binding.queue },
      })
    if ('toExchange' in binding) this.#exchange(binding.toExchange)
    exchange.bind(binding)
  }

  #addQueue(spec: QueueSpec): void {
    const queue = new MemoryQueue(spec, this.#clock, this.#queueEvents)
    this.#queues.set(spec.name, queue)
    const owner = this.#owners.get(spec.name)
    const orphans = this.#orphans.get(spec.name) ?? new Set<Orphan>()
    for (const orphan of orphans) {
      if (owner !== undefined && owner !== orphan.connection) continue
      orphans.delete(orphan)
      orphan.onQueue(queue)
    }
  }

  #deleteQueue(name: string): void {
    const queue = this.#queues.get(name)
    this.#queues.delete(name)
    this.#owners.delete(name)
    for (const exchange of this.#exchanges.values()) exchange.unbindQueue(name)
    queue?.close()
  }

  #exchange(name: string): Exchange {
    const exchange = this.#exchanges.get(name)
    if (exchange === undefined)
      throw new AppError('BROKER_UNAVAILABLE', 'there is no such exchange', { details: { exchange: name } })
    return exchange
  }
}

interface Orphan {
  readonly connection: ConnectionToken
  readonly onQueue: (queue: MemoryQueue) => void
}

/** What RabbitMQ compares when a queue is declared again. */
const identityOf = (queue: QueueSpec): object => ({
  arguments: queueArguments(queue),
  isAutoDelete: queue.isAutoDelete ?? false,
})

const otherArguments = (what: { queue: string } | { exchange: string }): AppError =>
  new AppError('BROKER_UNAVAILABLE', 'a queue or exchange exists with other arguments', { details: what })

const foreignQueue = (queue: string): AppError =>
  new AppError('BROKER_UNAVAILABLE', 'the queue belongs to another connection', { details: { queue } })

/** A server for several memory brokers of this process, which then are like connections to one RabbitMQ. */
export const createMemoryServer = (options: {
  readonly topology: Topology
  readonly clock: Clock
}): MemoryServer => new MemoryServer(options)
