import {
  AppError,
  type Broker,
  type BrokerState,
  type Clock,
  type ConsumeOptions,
  type Consumer,
  type Declaration,
  type Delivery,
  type OutgoingMessage,
  type PrivateQueueOptions,
  type PublishOutcome,
  type QueueDepth,
} from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { assertPublishable } from '../message-limits.ts'
import { copyProperties } from '../message-properties.ts'
import { StateCell } from '../state-cell.ts'
import type { Topology } from '../topology.ts'
import type { MemoryQueue, QueueConsumer } from './memory-queue.ts'
import { MemoryServer, type ConnectionToken } from './memory-server.ts'
import type { StoredMessage } from './stored-message.ts'

export type MemoryBrokerOptions =
  | { readonly topology: Topology; readonly clock: Clock; readonly logger?: Logger }
  | { readonly server: MemoryServer; readonly logger?: Logger }

/**
 * The Broker port within one process, with RabbitMQ's semantics (the same conformance suite passes). Nothing survives
 * the process. `stop` hands unacked messages back to their queues, as a lost connection does.
 */
export const createMemoryBroker = (options: MemoryBrokerOptions): Broker => new MemoryBroker(options)

interface Subscription {
  readonly options: ConsumeOptions
  /** Null while its queue is deleted. */
  current: { readonly queue: MemoryQueue; readonly consumer: QueueConsumer } | null
  isCancelled: boolean
  /** Waits no longer for its queue to be declared again. */
  stopWaiting: () => void
}

class MemoryBroker implements Broker {
  readonly isDurable = false
  readonly #server: MemoryServer
  readonly #logger: Logger | undefined
  readonly #connection: ConnectionToken = Symbol('memory connection')
  readonly #state: StateCell
  readonly #subscriptions = new Set<Subscription>()

  constructor(options: MemoryBrokerOptions) {
    this.#server = 'server' in options ? options.server : new MemoryServer(options)
    this.#logger = options.logger
    this.#state = new StateCell(options.logger)
  }

  get state(): BrokerState {
    return this.#state.value
  }

  async start(): Promise<void> {
    if (this.state === 'open') return
    this.#state.assertNotEnded()
    this.#server.connect(this.#connection)
    this.#state.set('open')
  }

  async stop(): Promise<void> {
    if (this.#state.isEnded) return
    for (const subscription of this.#subscriptions) {
      const { current, isCancelled, options } = subscription
      subscription.stopWaiting()
      if (current === null) continue
      current.queue.removeConsumer(current.consumer)
      current.queue.returnAll(current.consumer)
      if (!isCancelled) this.#report(options, 'lost')
    }
    this.#subscriptions.clear()
    this.#server.disconnect(this.#connection)
    this.#state.end()
  }

  opened(): Promise<void> {
    return this.#state.opened()
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<readonly PublishOutcome[]> {
    assertPublishable(messages)
    const isOpen = this.state === 'open'
    return messages.map((message) => (isOpen ? this.#server.publish(message) : 'unknown'))
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    this.#assertOpen()
    const queue = this.#server.queue(options.queue, this.#connection)
    const subscription: Subscription = {
      options,
      current: null,
      isCancelled: false,
      stopWaiting: () => {},
    }
    this.#subscriptions.add(subscription)
    this.#subscribe(subscription, queue)
    return { cancel: async () => this.#cancel(subscription) }
  }

  async declarePrivateQueue(options: PrivateQueueOptions): Promise<void> {
    this.#assertOpen()
    this.#server.declarePrivateQueue(options, this.#connection)
  }

  async declare(declaration: Declaration): Promise<void> {
    this.#assertOpen()
    this.#server.declare(declaration)
  }

  /** There is no connection that could be lost, hence nothing to assert again. */
  undeclare(): void {}

  async purge(queue: string): Promise<number> {
    this.#assertOpen()
    return this.#server.purge(queue)
  }

  async deleteQueue(queue: string): Promise<void> {
    this.#assertOpen()
    this.#server.deleteQueue(queue, this.#connection)
  }

  async depths(queues: readonly string[]): Promise<readonly QueueDepth[]> {
    this.#assertOpen()
    return this.#server.depths(queues)
  }

  onState(listener: (state: BrokerState) => void): () => void {
    return this.#state.onChange(listener)
  }

  #subscribe(subscription: Subscription, queue: MemoryQueue): void {
    const { options } = subscription
    const consumer: QueueConsumer = {
      prefetch: options.prefetch,
      noAck: options.noAck ?? false,
      unacked: new Map(),
      deliver: (tag, message) => this.#deliver(options, deliveryOf(queue, consumer, tag, message)),
      onLost: () => this.#onQueueDeleted(subscription),
    }
    subscription.current = { queue, consumer }
    queue.addConsumer(consumer)
    this.#report(options, 'active')
  }

  #onQueueDeleted(subscription: Subscription): void {
    const { options } = subscription
    subscription.current = null
    subscription.stopWaiting = this.#server.whenDeclared(options.queue, this.#connection, (queue) =>
      this.#subscribe(subscription, queue),
    )
    this.#report(options, 'lost')
  }

  #cancel(subscription: Subscription): void {
    const { current } = subscription
    subscription.isCancelled = true
    subscription.stopWaiting()
    current?.queue.removeConsumer(current.consumer)
    // Else it stays listed: what it holds unacked goes back when this connection ends.
    if ((current?.consumer.unacked.size ?? 0) === 0) this.#subscriptions.delete(subscription)
  }

  #deliver(options: ConsumeOptions, delivery: Delivery): void {
    try {
      options.onDelivery(delivery)
    } catch (err) {
      this.#logger?.error({ err, queue: options.queue }, 'consumer threw; its message stays unacked')
    }
  }

  #report({ queue, onState }: ConsumeOptions, state: 'active' | 'lost'): void {
    try {
      onState?.(state)
    } catch (err) {
      this.#logger?.error({ err, queue, state }, 'listener of the consumer state threw')
    }
  }

  #assertOpen(): void {
    if (this.state !== 'open') throw new AppError('BROKER_UNAVAILABLE', 'the broker is not open')
  }
}

function deliveryOf(
  queue: MemoryQueue,
  consumer: QueueConsumer,
  tag: number,
  message: StoredMessage,
): Delivery {
  return {
    ...copyProperties(message.properties),
    queue: queue.options.name,
    exchange: message.exchange,
    routingKey: message.routingKey,
    body: message.body.slice(),
    redelivered: message.redelivered,
    deliveryCount: message.deliveryCount,
    ack: () => queue.ack(consumer, tag),
    requeue: () => queue.requeue(consumer, tag),
    reject: () => queue.reject(consumer, tag),
  }
}
