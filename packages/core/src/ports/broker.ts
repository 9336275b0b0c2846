import type { JsonValue } from '../json.ts'

/** AMQP message properties that Celeriac uses, under their AMQP names in camel case. */
export interface MessageProperties {
  readonly contentType?: string
  readonly contentEncoding?: string
  readonly correlationId?: string
  readonly replyTo?: string
  readonly messageId?: string
  readonly type?: string
  readonly appId?: string
  readonly priority?: number
  readonly persistent?: boolean
  /** Time to live in the queue, in milliseconds. */
  readonly expirationMs?: number
  readonly headers?: Readonly<Record<string, JsonValue>>
}

export interface OutgoingMessage extends MessageProperties {
  /** '' is the default exchange: the routing key names the queue. */
  readonly exchange: string
  readonly routingKey: string
  readonly body: Uint8Array
  /** False: the broker may drop the message when no queue takes it (fanouts, events). Default true. */
  readonly mandatory?: boolean
}

/**
 * What became of a published message.
 * - `confirmed`: the broker took responsibility for it;
 * - `unroutable`: mandatory, and no queue took it;
 * - `rejected`: negative confirm (queue full, for example);
 * - `unknown`: the connection broke first; the message may or may not have arrived. Publish again under the same id.
 */
export type PublishOutcome = 'confirmed' | 'unroutable' | 'rejected' | 'unknown'

/** One message handed to a consumer. Exactly one of `ack`, `requeue`, `reject` counts; later calls do nothing. */
export interface Delivery extends MessageProperties {
  readonly queue: string
  readonly exchange: string
  readonly routingKey: string
  readonly body: Uint8Array
  readonly redelivered: boolean
  /** Deliveries before this one, as the broker counts them (quorum queues); 0 at first. */
  readonly deliveryCount: number
  /** Done with: the broker forgets it. After a reconnect the call does nothing: the broker redelivers. */
  ack(): void
  /** Back to the queue, for this or another consumer. */
  requeue(): void
  /** Not wanted: dead-lettered where the queue has a dead-letter exchange, else dropped. */
  reject(): void
}

export interface ConsumeOptions {
  readonly queue: string
  /** Unacked deliveries at a time. 0 = no limit. */
  readonly prefetch: number
  /** No acknowledgements: a delivery counts as done when sent. */
  readonly noAck?: boolean
  /** Called once per delivery, in order. Must not throw. */
  readonly onDelivery: (delivery: Delivery) => void
  /** Called after each (re)subscription of the consumer, and when it is lost. */
  readonly onState?: (state: 'active' | 'lost') => void
}

export interface Consumer {
  /** Stops deliveries. Those already handed out can still be acked. Idempotent. */
  cancel(): Promise<void>
}

export interface QueueDepth {
  readonly queue: string
  readonly messages: number
  readonly consumers: number
}

/** A private queue of this connection: exclusive, deleted with it, declared again (same name) on reconnect. */
export interface PrivateQueueOptions {
  readonly name: string
  /** Exchanges to bind it to; they belong to the topology or were declared before. */
  readonly bindings: readonly { readonly exchange: string; readonly routingKey: string }[]
  readonly messageTtlMs?: number
  /** The broker deletes the queue when nobody has consumed it for this long, as Celery's reply queues ask for. */
  readonly expiresMs?: number
}

export type ExchangeType = 'direct' | 'fanout' | 'topic'

export interface ExchangeSpec {
  readonly name: string
  readonly type: ExchangeType
  readonly isDurable: boolean
}

/** A queue that connections share; durable. What is absent is the broker's default. */
export interface QueueSpec {
  readonly name: string
  /** A classic queue has no `x-queue-type` at all, as stock Celery clients declare theirs. */
  readonly type: 'classic' | 'quorum'
  /** Returns to the queue before a message is dead-lettered: it is delivered `deliveryLimit + 1` times at most. */
  readonly deliveryLimit?: number
  /**
   * Where rejected, expired and too often delivered messages go; without it they are dropped. Without a routing key
   * they keep their own.
   */
  readonly deadLetter?: { readonly exchange: string; readonly routingKey?: string }
  /** Most messages waiting. */
  readonly maxLength?: number
  /** What happens to a message too many: it is refused with a negative confirm (default), or the oldest one is dropped. */
  readonly overflow?: 'reject-publish' | 'drop-head'
  /** One consumer at a time gets messages; when it goes, the next in line takes over. */
  readonly isSingleActiveConsumer?: boolean
  /** Priorities 0 … n are told apart, higher ones first; classic queues only. Each costs the broker some memory. */
  readonly maxPriority?: number
  /** Messages expire after this time, unless their own time to live is shorter. */
  readonly messageTtlMs?: number
  /** The broker deletes the queue when nobody has consumed or declared it for this long. */
  readonly expiresMs?: number
  /** The broker deletes the queue when its last consumer goes; it stays until it has had one. */
  readonly isAutoDelete?: boolean
  /** Further arguments in the broker's words, for queues that others declare too. The memory broker ignores them. */
  readonly arguments?: Readonly<Record<string, string | number | boolean>>
}

/** Leads from an exchange to a queue, or to another exchange, which then routes by the same key. */
export type BindingSpec =
  | { readonly exchange: string; readonly routingKey: string; readonly queue: string }
  | { readonly exchange: string; readonly routingKey: string; readonly toExchange: string }

/** Exchanges, queues and bindings that become known at run time, beside the fixed topology. */
export interface Declaration {
  readonly exchanges?: readonly ExchangeSpec[]
  readonly queues?: readonly QueueSpec[]
  readonly bindings?: readonly BindingSpec[]
}

export type BrokerState = 'connecting' | 'open' | 'blocked' | 'closed'

/**
 * A message broker with AMQP 0-9-1 semantics. The topology (exchanges, queues, bindings) is fixed when the adapter is
 * built and asserted on every (re)connect, and so is what `declare` adds to it. After a lost connection the adapter
 * reconnects by itself, resumes its consumers and lets work in flight finish. No driver type crosses this port.
 */
export interface Broker {
  readonly state: BrokerState
  /** True when queues and their messages outlive this process. */
  readonly isDurable: boolean
  /** Connects. Rejects with BROKER_UNAVAILABLE when the first connection fails for longer than the connect timeout. */
  start(): Promise<void>
  /** Flushes acks, closes. Idempotent; legal before `start`. */
  stop(): Promise<void>
  /** Resolves when `state` is `open`; rejects when the broker is stopped. */
  opened(): Promise<void>
  /**
   * Publishes all messages, pipelined; resolves when each has its outcome (same order). Never rejects for a broker
   * fault; throws BROKER_MESSAGE_TOO_LARGE before anything is sent when a body exceeds {@link maxMessageBytes}.
   */
  publish(messages: readonly OutgoingMessage[]): Promise<readonly PublishOutcome[]>
  consume(options: ConsumeOptions): Promise<Consumer>
  declarePrivateQueue(options: PrivateQueueOptions): Promise<void>
  /**
   * Makes sure that all of it exists, and again on every reconnect. Idempotent. Rejects with BROKER_UNAVAILABLE when
   * something exists with other arguments or belongs to another connection, or a binding names what does not exist; of
   * such a declaration nothing is asserted again later.
   */
  declare(declaration: Declaration): Promise<void>
  /** Asserts these queues and exchanges, and bindings from and to them, no more. On the broker they stay. */
  undeclare(names: { readonly queues?: readonly string[]; readonly exchanges?: readonly string[] }): void
  /** Drops the messages that wait in the queue (not those handed out) and tells how many; 0 when there is no such queue. */
  purge(queue: string): Promise<number>
  /**
   * Deletes the queue with its messages and asserts it no more. Its consumers hear `lost`, and resume when it is
   * declared again. Idempotent. Rejects with CONFIG_INVALID for a queue of the fixed topology.
   */
  deleteQueue(queue: string): Promise<void>
  /** Depth of the named queues; a queue that does not exist is left out. */
  depths(queues: readonly string[]): Promise<readonly QueueDepth[]>
  /** Registers a listener of state changes; returns its removal. */
  onState(listener: (state: BrokerState) => void): () => void
}

/** Nothing bulky goes through the broker: larger bodies are refused by both adapters. 256 KiB. */
export const maxMessageBytes = 262_144
