import { messageOf, type Broker, type Consumer, type Delivery } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'

/**
 * What a consumer may hold: `steady`, as many unacked deliveries as `prefetch` at any time; `exact`, as many more as
 * `prefetch` from now on; null, none: it is not subscribed.
 */
export type Room = { readonly kind: 'steady' | 'exact'; readonly prefetch: number } | null

export interface PacedConsumerOptions {
  readonly broker: Broker
  readonly queue: string
  /** Asked again whenever `adjust` is called. */
  readonly room: () => Room
  readonly onDelivery: (delivery: Delivery) => void
  /** The broker delivers again, here or elsewhere, what the consumer got and has not acked. */
  readonly onLost: () => void
  readonly logger: Logger
}

/**
 * A consumer that is subscribed while its owner has room, with a prefetch count that fits. AMQP sets the count once per
 * subscription, so another count is another subscription; what was delivered on the last one can still be settled.
 */
export class PacedConsumer {
  readonly #options: PacedConsumerOptions
  #current: { readonly consumer: Consumer; readonly room: NonNullable<Room> } | null = null
  /** Deliveries of the current subscription, or of its last resumption. */
  #taken = 0
  #adjusting: Promise<void> | null = null
  /** The broker has been asked for a consumer; while it is away, this takes as long as it is. */
  #isSubscribing = false

  constructor(options: PacedConsumerOptions) {
    this.#options = options
  }

  /** Subscribes. Rejects as `Broker.consume` does. */
  start(): Promise<void> {
    return this.#adjust()
  }

  /** The room may have changed. The subscription follows; a cancel is on its way before this returns. */
  adjust(): void {
    this.#adjust().catch((error: unknown) =>
      this.#options.logger.warn(
        { reason: messageOf(error) },
        'the queue cannot be consumed; it is tried again',
      ),
    )
  }

  /** As `adjust`; resolves when no subscription is left that asks for more than there is room for. */
  async settled(): Promise<void> {
    const adjusted = this.#adjust().catch(() => undefined)
    // One that is yet to come is cancelled when it comes; what it delivers meanwhile, its owner gives back.
    if (!this.#isSubscribing) await adjusted
  }

  #adjust(): Promise<void> {
    if (this.#adjusting === null && this.#wanted() !== 'same') this.#adjusting = this.#follow()
    return this.#adjusting ?? Promise.resolve()
  }

  async #follow(): Promise<void> {
    try {
      // Synchronous up to its end when all is right: a change of the room either comes before it or finds it done.
      for (let wanted = this.#wanted(); wanted !== 'same'; wanted = this.#wanted()) {
        const old = this.#current
        this.#current = null
        if (old !== null) await old.consumer.cancel()
        else if (wanted !== null) await this.#subscribe(wanted)
      }
    } finally {
      this.#adjusting = null
    }
  }

  #wanted(): Room | 'same' {
    const room = this.#options.room()
    const current = this.#current
    if (current === null) return room === null ? 'same' : room
    if (room === null || room.kind !== current.room.kind) return room
    const left = room.kind === 'exact' ? current.room.prefetch - this.#taken : current.room.prefetch
    return left === room.prefetch ? 'same' : room
  }

  async #subscribe(room: NonNullable<Room>): Promise<void> {
    const { broker, queue, onDelivery, onLost } = this.#options
    this.#isSubscribing = true
    this.#taken = 0
    try {
      const consumer = await broker.consume({
        queue,
        prefetch: room.prefetch,
        onDelivery: (delivery) => {
          this.#taken += 1
          onDelivery(delivery)
        },
        onState: (state) => {
          if (state === 'lost') onLost()
          else this.#taken = 0
        },
      })
      this.#current = { consumer, room }
    } finally {
      this.#isSubscribing = false
    }
  }
}
