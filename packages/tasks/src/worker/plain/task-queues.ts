import { messageOf, type Broker, type Consumer, type Declaration, type Delivery } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { DelayedReturn } from './delayed-return.ts'

export interface TaskQueuesOptions {
  readonly broker: Broker
  readonly delays: DelayedReturn
  /** Of the queues that are more than a name. */
  readonly declarations: ReadonlyMap<string, Declaration>
  readonly logger: Logger
  readonly onDelivery: (delivery: Delivery) => void
  /** The consumer of this queue was lost: what it delivered is delivered again. */
  readonly onLost: (queue: string) => void
}

/** The queues that a node takes plain tasks from; they can change while it runs. */
export class TaskQueues {
  readonly #options: TaskQueuesOptions
  readonly #consumers = new Map<string, Consumer>()
  readonly #active = new Set<string>()
  #prefetch: number

  constructor(options: TaskQueuesOptions, prefetch: number) {
    this.#options = options
    this.#prefetch = prefetch
  }

  get names(): readonly string[] {
    return [...this.#consumers.keys()]
  }

  /** Whether every queue has its consumer at the broker now. */
  get isConsuming(): boolean {
    return this.names.every((queue) => this.#active.has(queue))
  }

  /** Declares the queue if it is not there, and consumes it. Idempotent. Rejects with BROKER_UNAVAILABLE. */
  async add(queue: string): Promise<void> {
    if (this.#consumers.has(queue)) return
    const { broker, delays, declarations } = this.#options
    const [existing] = await broker.depths([queue])
    // One that is there may have arguments that we do not know, and is taken as it is.
    if (existing === undefined)
      await broker.declare(declarations.get(queue) ?? { queues: [{ name: queue, type: 'classic' }] })
    await delays.bind(queue)
    this.#consumers.set(queue, await this.#consume(queue))
  }

  async cancel(queue: string): Promise<void> {
    const consumer = this.#consumers.get(queue)
    this.#consumers.delete(queue)
    this.#active.delete(queue)
    await consumer?.cancel()
  }

  async cancelAll(): Promise<void> {
    await Promise.all(this.names.map((queue) => this.cancel(queue)))
  }

  /** AMQP sets the limit of a consumer when it subscribes: each is replaced. */
  async setPrefetch(prefetch: number): Promise<void> {
    if (prefetch === this.#prefetch) return
    this.#prefetch = prefetch
    for (const queue of this.names) {
      const old = this.#consumers.get(queue)
      try {
        this.#consumers.set(queue, await this.#consume(queue))
        await old?.cancel()
      } catch (error) {
        this.#options.logger.warn(
          { queue, reason: messageOf(error) },
          'the prefetch of a queue was not changed',
        )
      }
    }
  }

  #consume(queue: string): Promise<Consumer> {
    const { broker, onDelivery, onLost } = this.#options
    return broker.consume({
      queue,
      prefetch: this.#prefetch,
      onDelivery,
      onState: (state) => {
        if (state === 'active') this.#active.add(queue)
        else {
          this.#active.delete(queue)
          onLost(queue)
        }
      },
    })
  }
}
