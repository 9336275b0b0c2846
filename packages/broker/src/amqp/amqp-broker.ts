/**
 * The Broker port on RabbitMQ, by amqplib.
 *
 *   ConnectionLoop ── Session (one physical connection) ──┬─ Publisher: two confirm channels
 *                                                         ├─ Subscription ×n: a channel each
 *                                                         └─ short-lived channels: declarations, depths
 *
 * Roles: the loop makes a new session when one ends; publisher and subscriptions outlive sessions and are attached to
 * each new one. Nothing is shared between channels, so a channel error costs that channel only. What is published while
 * there is no connection waits for the next one, `publishTimeoutMs` at most.
 */
import {
  AppError,
  type Broker,
  type BrokerState,
  type ConsumeOptions,
  type Consumer,
  type Declaration,
  type OutgoingMessage,
  type PrivateQueueOptions,
  type PublishOutcome,
  type QueueDepth,
  type RetryPolicy,
} from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { StateCell, stoppedError } from '../state-cell.ts'
import { fixedQueue, type Topology } from '../topology.ts'
import { parseBrokerUrl } from './broker-url.ts'
import { ConnectionLoop } from './connection-loop.ts'
import { declareAll } from './declare-topology.ts'
import { pause } from './pause.ts'
import { PrivateQueues } from './private-queues.ts'
import { Publisher } from './publisher.ts'
import { deleteQueue, purgeQueue } from './queue-operations.ts'
import { readDepths } from './read-depths.ts'
import { RunTimeDeclarations } from './run-time-declarations.ts'
import type { Session } from './session.ts'
import { Subscription } from './subscription.ts'
import { TopologyRepair } from './topology-repair.ts'

export interface AmqpBrokerOptions {
  /** `amqp://user:password@host:port/vhost`, or `amqps:`. */
  readonly url: string
  readonly topology: Topology
  /** Name of the connection in RabbitMQ's management tools. */
  readonly name: string
  readonly logger: Logger
  /** How long the first connection may take, and each attempt after it. Default 10,000. */
  readonly connectTimeoutMs?: number
  /** A dead peer is noticed after two to three of these. Default 10; 0 = never. A `heartbeat` in the URL wins. */
  readonly heartbeatS?: number
  /** A message without an outcome becomes `unknown` after this time, sent or not. Default 10,000. */
  readonly publishTimeoutMs?: number
  /** How long `stop` waits: for confirms, then for the broker's goodbye. Default 2,000 each. */
  readonly stopGraceMs?: number
  /** Delays between attempts to connect, in milliseconds. Default 100, doubled each time up to 5,000, jittered. */
  readonly reconnect?: { readonly minMs: number; readonly maxMs: number }
}

/** Makes the adapter; `start` connects. Throws CONFIG_INVALID for a URL that is not one. */
export const createAmqpBroker = (options: AmqpBrokerOptions): Broker => new AmqpBroker(options)

class AmqpBroker implements Broker {
  readonly isDurable = true
  readonly #stopGraceMs: number
  readonly #logger: Logger
  readonly #backoff: RetryPolicy
  readonly #state: StateCell
  readonly #loop: ConnectionLoop
  readonly #publisher: Publisher
  readonly #topologyQueues: ReadonlySet<string>
  readonly #declarations: RunTimeDeclarations
  readonly #repair: TopologyRepair
  readonly #privateQueues: PrivateQueues
  readonly #subscriptions = new Set<Subscription>()
  #stopped: Promise<void> | null = null

  constructor(options: AmqpBrokerOptions) {
    const {
      url,
      topology,
      name,
      connectTimeoutMs = 10_000,
      heartbeatS = 10,
      publishTimeoutMs = 10_000,
    } = options
    const { minMs, maxMs } = options.reconnect ?? { minMs: 100, maxMs: 5_000 }
    this.#stopGraceMs = options.stopGraceMs ?? 2_000
    this.#logger = options.logger.child({ component: 'broker' })
    this.#state = new StateCell(this.#logger)
    this.#backoff = { max: Infinity, backoffMs: minMs, backoffMaxMs: maxMs, jitter: true }
    this.#topologyQueues = new Set(topology.queues.map((queue) => queue.name))
    this.#declarations = new RunTimeDeclarations(this.#logger)
    this.#repair = new TopologyRepair(topology, this.#declarations, this.#logger)
    this.#privateQueues = new PrivateQueues(this.#logger)
    const topologyExchanges = new Set(topology.exchanges.map((exchange) => exchange.name))
    this.#publisher = new Publisher({
      logger: this.#logger,
      backoff: this.#backoff,
      timeoutMs: publishTimeoutMs,
      isKnownExchange: (name) => topologyExchanges.has(name) || this.#declarations.hasExchange(name),
      repair: (session) => this.#repair.declare(session),
      onReturned: (exchange, routingKey) => this.#repair.onReturned(this.#loop.session, exchange, routingKey),
    })
    this.#loop = new ConnectionLoop({
      address: parseBrokerUrl(url, heartbeatS),
      name,
      connectTimeoutMs,
      backoff: this.#backoff,
      logger: this.#logger,
      state: this.#state,
      prepare: (session) => this.#prepare(session),
      onOpen: (session) => {
        for (const subscription of this.#subscriptions) subscription.attach(session)
      },
      onBlocked: (isBlocked) => this.#publisher.setBlocked(isBlocked),
    })
  }

  get state(): BrokerState {
    return this.#state.value
  }

  async start(): Promise<void> {
    if (this.#stopped !== null) throw stoppedError()
    try {
      await this.#loop.start()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  opened(): Promise<void> {
    return this.#state.opened()
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<readonly PublishOutcome[]> {
    return this.#publisher.publish(messages)
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    this.#assertStarted()
    const subscription = new Subscription(options, {
      logger: this.#logger,
      backoff: this.#backoff,
      repair: async (session, queue) => {
        await this.#repair.declare(session)
        await this.#privateQueues.declare(session, queue)
      },
      onGone: (gone) => this.#subscriptions.delete(gone),
    })
    this.#subscriptions.add(subscription)
    const { session } = this.#loop
    if (session !== null) subscription.attach(session)
    await subscription.activated
    return subscription
  }

  async declarePrivateQueue(options: PrivateQueueOptions): Promise<void> {
    this.#assertStarted()
    this.#privateQueues.add(options)
    const { session } = this.#loop
    // Without a connection the next one declares it.
    if (session === null) return this.opened()
    try {
      await this.#privateQueues.declare(session, options.name)
    } catch (error) {
      if (!session.isOpen) return this.opened()
      this.#privateQueues.remove(options.name)
      throw error
    }
  }

  async declare(declaration: Declaration): Promise<void> {
    this.#assertStarted()
    const { session } = this.#loop
    try {
      if (session !== null) await declareAll(session, declaration)
      this.#declarations.add(declaration)
    } catch (error) {
      if (session?.isOpen === true) throw error
      this.#declarations.add(declaration)
    }
    // Without a connection the next one declares it.
    if (session?.isOpen !== true) await this.opened()
  }

  undeclare(names: { readonly queues?: readonly string[]; readonly exchanges?: readonly string[] }): void {
    this.#declarations.remove(names)
  }

  async purge(queue: string): Promise<number> {
    return purgeQueue(this.#openSession(), queue)
  }

  async deleteQueue(queue: string): Promise<void> {
    if (this.#topologyQueues.has(queue)) throw fixedQueue(queue)
    const session = this.#openSession()
    this.#declarations.remove({ queues: [queue] })
    this.#privateQueues.remove(queue)
    await deleteQueue(session, queue)
  }

  async depths(queues: readonly string[]): Promise<readonly QueueDepth[]> {
    return readDepths(this.#openSession(), queues)
  }

  onState(listener: (state: BrokerState) => void): () => void {
    return this.#state.onChange(listener)
  }

  async #prepare(session: Session): Promise<void> {
    await this.#repair.declare(session)
    await this.#privateQueues.declareAll(session)
    await this.#publisher.attach(session)
  }

  async #stop(): Promise<void> {
    if (this.#loop.session !== null) {
      const expired = new AbortController()
      await Promise.race([this.#quiesce(), pause(this.#stopGraceMs, expired.signal)])
      expired.abort()
    }
    await this.#loop.stop(this.#stopGraceMs)
    this.#publisher.stop()
    // Those that never had a channel are turned away here.
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()))
    this.#subscriptions.clear()
    this.#state.end()
  }

  /** No more deliveries; then confirms of what was published; then the acks that depend on them. */
  async #quiesce(): Promise<void> {
    const subscriptions = [...this.#subscriptions]
    await Promise.all(subscriptions.map((subscription) => subscription.halt()))
    await this.#publisher.drain(this.#stopGraceMs)
    // Handlers that waited for a confirm ack now.
    await new Promise<void>((resolve) => setImmediate(resolve))
    await Promise.all(subscriptions.map((subscription) => subscription.close()))
  }

  #openSession(): Session {
    const { session } = this.#loop
    if (session === null) throw new AppError('BROKER_UNAVAILABLE', 'the broker is not open')
    return session
  }

  #assertStarted(): void {
    if (this.state === 'closed') throw new AppError('BROKER_UNAVAILABLE', 'the broker is not started')
  }
}
