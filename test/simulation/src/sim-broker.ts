/**
 * The Broker port of one process, over a network with latency that can break. The server behind it is the memory broker's
 * (queues, prefetch, single active consumer, delivery limits, dead letters), which passes the conformance suite; what is
 * added here is the distance: a frame takes time, may be lost with its connection, and either side may not know yet.
 *
 * As in the adapter for RabbitMQ: what is published without a connection waits for the next one, ten seconds at most; what
 * was on its way when the connection was lost is `unknown`; consumers are subscribed again; what they held can be settled
 * on the old connection only, where that does nothing.
 */
import {
  AppError,
  type Broker,
  type BrokerState,
  type ConsumeOptions,
  type Consumer,
  type Declaration,
  type Delivery,
  type OutgoingMessage,
  type PrivateQueueOptions,
  type PublishOutcome,
  type QueueDepth,
} from '@celeriac/core'
import { SimConnection, type ServerConsumer, type ServerQueue } from './sim-connection.ts'
import { deliveryOf, type Settlement } from './sim-delivery.ts'
import { answerTimeoutMs, assertPublishable, SimPublisher, type SimBrokerDeps } from './sim-publisher.ts'
import { Waiters } from './waiters.ts'

interface Subscription {
  readonly options: ConsumeOptions
  readonly lane: string
  consumer: ServerConsumer | null
  isCancelled: boolean
  onActivated: () => void
  onRefused: (error: unknown) => void
}

/** How long a connection that was refused for the sake of the last one waits. */
const refusedRetryMs = 100
/** How long an orderly goodbye takes: what was sent before it arrives first. */
const goodbyeMs = 50

export class SimBroker implements Broker {
  readonly isDurable = true
  readonly #deps: SimBrokerDeps
  readonly #publisher: SimPublisher
  readonly #listeners = new Set<(state: BrokerState) => void>()
  readonly #opened = new Waiters()
  /** Questions to the server that have no answer yet. */
  readonly #asking = new Set<() => void>()
  readonly #subscriptions = new Set<Subscription>()
  readonly #privateQueues = new Map<string, PrivateQueueOptions>()
  #state: BrokerState = 'closed'
  #connection: SimConnection | null = null
  #isStopped = false
  #reachableAt = 0
  #lanes = 0

  constructor(deps: SimBrokerDeps) {
    this.#deps = deps
    this.#publisher = new SimPublisher(deps)
  }

  get state(): BrokerState {
    return this.#state
  }

  /** What the world outside breaks. */
  get connection(): SimConnection | null {
    return this.#connection
  }

  async start(): Promise<void> {
    if (this.#isStopped) throw stopped()
    if (this.#state !== 'closed') return
    this.#set('connecting')
    this.#connect()
    await this.opened()
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    const connection = this.#connection
    for (const subscription of this.#subscriptions) {
      const { isCancelled, consumer, options } = subscription
      if (isCancelled || consumer === null) continue
      // Halted before anything else, so that what is acked from now on makes no room for more.
      subscription.isCancelled = true
      this.#deps.network.loop.after(0, null, 'halt', () => connection?.cancelConsumer(consumer))
      options.onState?.('lost')
    }
    this.#subscriptions.clear()
    this.#connection = null
    this.#set('closed')
    this.#opened.refuse(stopped())
    this.#publisher.stop()
    for (const giveUp of this.#asking) giveUp()
    if (connection === null) return
    const { network, process } = this.#deps
    network.loop.after(goodbyeMs, null, 'connection closed', () => connection.closeAtServer())
    await new Promise<void>((resolve) => void process.after(goodbyeMs + 1, 'broker closed', resolve))
    connection.isOpenAtClient = false
  }

  opened(): Promise<void> {
    if (this.#state === 'open') return Promise.resolve()
    return this.#isStopped ? Promise.reject(stopped()) : this.#opened.wait()
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<readonly PublishOutcome[]> {
    assertPublishable(messages)
    if (messages.length === 0) return []
    if (this.#isStopped || this.#state === 'closed') return messages.map(() => 'unknown')
    return await this.#publisher.publish(messages)
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    if (this.#state === 'closed') throw notOpen()
    const lane = `${options.queue}#${this.#lanes++}`
    const nothing = (): void => {}
    const subscription: Subscription = {
      options,
      lane,
      consumer: null,
      isCancelled: false,
      onActivated: nothing,
      onRefused: nothing,
    }
    this.#subscriptions.add(subscription)
    const activated = new Promise<void>((resolve, reject) => {
      subscription.onActivated = resolve
      subscription.onRefused = reject
    })
    if (this.#state === 'open' && this.#connection !== null) this.#subscribe(subscription, this.#connection)
    await activated
    return { cancel: () => this.#cancel(subscription) }
  }

  async declarePrivateQueue(options: PrivateQueueOptions): Promise<void> {
    if (this.#state === 'closed') throw notOpen()
    this.#privateQueues.set(options.name, options)
    if (this.#state !== 'open') return await this.opened()
    await this.#ask('declare', ({ token }) => this.#deps.network.server.declarePrivateQueue(options, token))
  }

  declare(declaration: Declaration): Promise<void> {
    return this.#ask('declare', () => this.#deps.network.server.declare(declaration))
  }

  undeclare(): void {}

  purge(queue: string): Promise<number> {
    return this.#ask('purge', () => this.#deps.network.server.purge(queue))
  }

  async deleteQueue(queue: string): Promise<void> {
    this.#privateQueues.delete(queue)
    await this.#ask('delete queue', ({ token }) => this.#deps.network.server.deleteQueue(queue, token))
  }

  depths(queues: readonly string[]): Promise<readonly QueueDepth[]> {
    return this.#ask('depths', () => this.#deps.network.server.depths(queues))
  }

  onState(listener: (state: BrokerState) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The client notices that its connection is gone; it is back when the network lets it. */
  lose(reachableAt: number): void {
    this.#reachableAt = Math.max(this.#reachableAt, reachableAt)
    const connection = this.#connection
    if (connection === null || this.#isStopped) return
    connection.isOpenAtClient = false
    this.#connection = null
    this.#set('connecting')
    this.#publisher.detach()
    for (const giveUp of this.#asking) giveUp()
    for (const subscription of this.#subscriptions) {
      const wasActive = subscription.consumer !== null
      subscription.consumer = null
      if (subscription.isCancelled) this.#subscriptions.delete(subscription)
      else if (wasActive) subscription.options.onState?.('lost')
    }
    this.#connect()
  }

  #connect(): void {
    const { network, process, random } = this.#deps
    const waitMs = Math.max(0, this.#reachableAt - network.loop.now) + random.between(1, 200)
    process.after(waitMs, 'connect', () => {
      if (this.#isStopped || this.#connection !== null) return
      if (this.#reachableAt > network.loop.now) this.#connect()
      else this.#prepare(new SimConnection(network, process))
    })
  }

  #prepare(connection: SimConnection): void {
    this.#connection = connection
    const { network, process } = this.#deps
    connection.up('control', 'handshake', () => {
      try {
        for (const options of this.#privateQueues.values())
          network.server.declarePrivateQueue(options, connection.token)
      } catch {
        // The server has not noticed the end of the last connection, which the queue belongs to.
        connection.closeAtServer()
        process.after(refusedRetryMs, 'connection refused', () => {
          if (this.#connection === connection) this.#connection = null
          this.#connect()
        })
        return
      }
      connection.down('control', 'connected', () => this.#onOpen(connection))
    })
  }

  #onOpen(connection: SimConnection): void {
    if (connection !== this.#connection || this.#isStopped) return
    this.#set('open')
    this.#opened.release()
    for (const subscription of this.#subscriptions) this.#subscribe(subscription, connection)
    this.#publisher.attach(connection)
  }

  #subscribe(subscription: Subscription, connection: SimConnection): void {
    const { options, lane } = subscription
    const { prefetch, noAck = false, queue: name } = options
    if (subscription.isCancelled) return
    connection.up(lane, 'subscribe', () => {
      let queue: ServerQueue
      try {
        queue = this.#deps.network.server.queue(name, connection.token)
      } catch (error) {
        connection.down(lane, 'subscription refused', () => {
          this.#subscriptions.delete(subscription)
          subscription.onRefused(error)
        })
        return
      }
      const consumer: ServerConsumer = {
        prefetch,
        noAck,
        unacked: new Map(),
        deliver: (tag, message) =>
          connection.down(lane, 'delivery', () => {
            const settle = (how: Settlement): void =>
              noAck ? undefined : this.#settle(connection, subscription, { queue, consumer, tag, how })
            if (subscription.isCancelled && !noAck) settle('requeue')
            else this.#hand(options, deliveryOf(name, message, settle))
          }),
        onLost: () => {
          connection.down(lane, 'consumer cancelled', () => {
            subscription.consumer = null
            options.onState?.('lost')
          })
          // The queue was deleted.
          this.#deps.network.server.whenDeclared(name, connection.token, () =>
            this.#subscribe(subscription, connection),
          )
        },
      }
      connection.down(lane, 'subscribed', () => {
        subscription.consumer = consumer
        subscription.onActivated()
        if (!subscription.isCancelled) options.onState?.('active')
        // Cancelled while it was being subscribed again.
        else connection.up(lane, 'cancel', () => connection.cancelConsumer(consumer))
      })
      connection.addConsumer(queue, consumer)
    })
  }

  #hand({ onDelivery }: ConsumeOptions, delivery: Delivery): void {
    try {
      onDelivery(delivery)
    } catch (error) {
      this.#deps.watch.onThrown(error, this.#deps.process)
    }
  }

  #settle(
    connection: SimConnection,
    { lane, options }: Subscription,
    {
      queue,
      consumer,
      tag,
      how,
    }: { queue: ServerQueue; consumer: ServerConsumer; tag: number; how: Settlement },
  ): void {
    if (!connection.isOpenAtClient) return
    connection.up(lane, how, () => {
      const message = consumer.unacked.get(tag)
      if (message === undefined) return
      queue[how](consumer, tag)
      if (how === 'ack') this.#deps.watch.onAcked(options.queue, message.properties)
    })
  }

  async #cancel(subscription: Subscription): Promise<void> {
    if (subscription.isCancelled) return
    subscription.isCancelled = true
    const { consumer, lane } = subscription
    if (this.#connection === null) this.#subscriptions.delete(subscription)
    if (this.#connection === null || consumer === null) return
    // Without an answer the connection is lost, and the consumer with it.
    await this.#ask('cancel', (connection) => connection.cancelConsumer(consumer), lane).catch(() => {})
  }

  /** One question to the server, answered on the same connection or not at all. */
  async #ask<T>(what: string, ask: (connection: SimConnection) => T, lane = 'control'): Promise<T> {
    const connection = this.#connection
    if (this.#state !== 'open' || connection === null) throw notOpen()
    return await new Promise<T>((resolve, reject) => {
      const giveUp = (): void => end(() => reject(notOpen()))
      const cancelTimeout = this.#deps.process.after(answerTimeoutMs, 'no answer', giveUp)
      const end = (how: () => void): void => {
        cancelTimeout()
        this.#asking.delete(giveUp)
        how()
      }
      this.#asking.add(giveUp)
      connection.up(lane, what, () => {
        try {
          const answer = ask(connection)
          connection.down(lane, `${what} done`, () => end(() => resolve(answer)))
        } catch (error) {
          connection.down(lane, `${what} refused`, () => end(() => reject(error)))
        }
      })
    })
  }

  #set(state: BrokerState): void {
    if (state === this.#state) return
    this.#state = state
    for (const listener of this.#listeners) listener(state)
  }
}

const stopped = (): AppError => new AppError('BROKER_UNAVAILABLE', 'the broker was stopped')
const notOpen = (): AppError => new AppError('BROKER_UNAVAILABLE', 'the broker is not open')
