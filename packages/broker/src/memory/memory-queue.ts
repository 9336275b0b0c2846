/**
 * One queue of the memory broker.
 *
 * Messages wait in `#ready`, oldest first. A message handed to a consumer that acknowledges moves to that consumer's
 * `unacked` and comes back to the front when it is requeued or the consumer's connection ends. Deliveries happen in
 * `#drain` only, which runs in a macrotask of its own: never inside of a caller's publish or ack.
 *
 * Invariants: a message is in `#ready` or in one consumer's `unacked`, never in both; a consumer's `unacked` never
 * outgrows its prefetch; an idle queue has no timer unless the message at its front, or the queue itself, expires.
 */
import type { Clock, QueueSpec } from '@celeriac/core'
import { ReadyMessages } from './ready-messages.ts'
import type { DeathReason, StoredMessage } from './stored-message.ts'

export interface QueueConsumer {
  readonly prefetch: number
  readonly noAck: boolean
  /** By delivery tag, in the order of delivery. */
  readonly unacked: Map<number, StoredMessage>
  readonly deliver: (tag: number, message: StoredMessage) => void
  /** The queue was deleted. */
  readonly onLost: () => void
}

export interface QueueEvents {
  readonly onDead: (queue: MemoryQueue, message: StoredMessage, reason: DeathReason) => void
  /** Nobody uses the queue any more, and it was declared to be deleted then. */
  readonly onUnused: (queue: MemoryQueue) => void
}

/** Deliveries in one macrotask, so that a long queue does not hold up everything else in the process. */
const drainLimit = 256

export class MemoryQueue {
  readonly options: QueueSpec
  readonly #clock: Clock
  readonly #events: QueueEvents
  readonly #ready: ReadyMessages
  readonly #consumers: QueueConsumer[] = []
  #next = 0
  #lastTag = 0
  #isDrainScheduled = false
  #isAsleep = false
  #cancelExpiry: () => void = () => {}
  #cancelDeletion: () => void = () => {}

  constructor(options: QueueSpec, clock: Clock, events: QueueEvents) {
    this.options = options
    this.#clock = clock
    this.#events = events
    this.#ready = new ReadyMessages(options.maxPriority)
    this.touch()
  }

  get depth(): { readonly messages: number; readonly consumers: number } {
    return { messages: this.#ready.size, consumers: this.#consumers.length }
  }

  /** False when the queue is full. */
  enqueue(message: StoredMessage): boolean {
    const { maxLength = Infinity, overflow = 'reject-publish' } = this.options
    if (this.#ready.size >= maxLength && overflow === 'reject-publish') return false
    this.#ready.pushBack(message)
    if (this.#ready.size > maxLength) this.#die(this.#ready.popFront() as StoredMessage, 'maxlen')
    this.#scheduleDrain()
    return true
  }

  /** Drops what waits; tells how many messages that were. */
  purge(): number {
    return this.#ready.clear()
  }

  /** Declared or left by its consumer: the time after which it is deleted for want of use begins anew. */
  touch(): void {
    this.#cancelDeletion()
    const { expiresMs } = this.options
    if (expiresMs === undefined || this.#isAsleep || this.#consumers.length > 0) return
    this.#cancelDeletion = this.#clock.after(expiresMs, () => this.#events.onUnused(this))
  }

  /** The queue is deleted: its messages are gone, also those handed out, and its consumers hear of it. */
  close(): void {
    this.sleep()
    this.purge()
    for (const consumer of this.#consumers.splice(0)) {
      consumer.unacked.clear()
      consumer.onLost()
    }
  }

  addConsumer(consumer: QueueConsumer): void {
    this.#consumers.push(consumer)
    this.#cancelDeletion()
    this.#scheduleDrain()
  }

  /** No more deliveries to it; what it holds can still be settled. Under a single active consumer the next takes over. */
  removeConsumer(consumer: QueueConsumer): void {
    const index = this.#consumers.indexOf(consumer)
    if (index < 0) return
    this.#consumers.splice(index, 1)
    if (index < this.#next) this.#next--
    this.#scheduleDrain()
    this.touch()
    if (this.options.isAutoDelete === true && this.#consumers.length === 0) this.#events.onUnused(this)
  }

  ack(consumer: QueueConsumer, tag: number): void {
    if (consumer.unacked.delete(tag)) this.#scheduleDrain()
  }

  requeue(consumer: QueueConsumer, tag: number): void {
    const message = consumer.unacked.get(tag)
    if (message === undefined) return
    consumer.unacked.delete(tag)
    this.#takeBack(message)
    this.#scheduleDrain()
  }

  reject(consumer: QueueConsumer, tag: number): void {
    const message = consumer.unacked.get(tag)
    if (message === undefined) return
    consumer.unacked.delete(tag)
    this.#die(message, 'rejected')
    this.#scheduleDrain()
  }

  /** The consumer's connection ended: everything it held goes back to the front, in the old order. */
  returnAll(consumer: QueueConsumer): void {
    const held = [...consumer.unacked.values()]
    consumer.unacked.clear()
    for (const message of held.toReversed()) this.#takeBack(message)
    this.#scheduleDrain()
  }

  /** Without any connection nothing expires and no timer is kept, so that the process can end. */
  sleep(): void {
    this.#isAsleep = true
    this.#cancelExpiry()
    this.#cancelDeletion()
  }

  wake(): void {
    if (!this.#isAsleep) return
    this.#isAsleep = false
    this.#scheduleDrain()
    this.touch()
  }

  #die(message: StoredMessage, reason: DeathReason): void {
    this.#events.onDead(this, message, reason)
  }

  #takeBack(message: StoredMessage): void {
    message.redelivered = true
    const { type, deliveryLimit } = this.options
    // Only quorum queues count, as on RabbitMQ.
    if (type === 'quorum') message.deliveryCount++
    if (deliveryLimit !== undefined && message.deliveryCount > deliveryLimit)
      this.#die(message, 'delivery_limit')
    else this.#ready.pushFront(message)
  }

  #scheduleDrain(): void {
    if (this.#isDrainScheduled || this.#isAsleep) return
    this.#isDrainScheduled = true
    setImmediate(() => {
      this.#isDrainScheduled = false
      if (!this.#isAsleep) this.#drain()
    })
  }

  #drain(): void {
    this.#cancelExpiry()
    for (let delivered = 0; delivered < drainLimit; delivered++) {
      this.#dropExpired()
      if (this.#ready.size === 0) return
      const consumer = this.#takeTurn()
      if (consumer === undefined) return this.#armExpiry()
      const message = this.#ready.popFront() as StoredMessage
      const tag = ++this.#lastTag
      if (!consumer.noAck) consumer.unacked.set(tag, message)
      consumer.deliver(tag, message)
    }
    this.#scheduleDrain()
  }

  /** The next consumer with room, in turn. */
  #takeTurn(): QueueConsumer | undefined {
    const count =
      this.options.isSingleActiveConsumer === true
        ? Math.min(1, this.#consumers.length)
        : this.#consumers.length
    for (let step = 0; step < count; step++) {
      const index = (this.#next + step) % count
      const consumer = this.#consumers[index] as QueueConsumer
      if (consumer.noAck || consumer.prefetch === 0 || consumer.unacked.size < consumer.prefetch) {
        this.#next = index + 1
        return consumer
      }
    }
    return undefined
  }

  /** As on RabbitMQ messages expire at the front of the queue only. */
  #dropExpired(): void {
    const now = this.#clock.now()
    for (;;) {
      const front = this.#ready.peek()
      if (front === undefined || front.expiresAt === null || front.expiresAt >= now) return
      this.#ready.popFront()
      this.#die(front, 'expired')
    }
  }

  #armExpiry(): void {
    const expiresAt = this.#ready.peek()?.expiresAt ?? null
    if (expiresAt === null) return
    const delayMs = Math.max(0, expiresAt - this.#clock.now()) + 1
    this.#cancelExpiry = this.#clock.after(delayMs, () => this.#scheduleDrain())
  }
}
