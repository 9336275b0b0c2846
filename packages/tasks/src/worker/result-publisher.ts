import type { Broker, Clock, OutgoingMessage, PublishOutcome } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'

export interface ResultPublisherOptions {
  readonly broker: Broker
  readonly clock: Clock
  readonly logger: Logger
  /** Draws from [0, 1), for jitter. @default Math.random */
  readonly random?: () => number
  /** Called with the time from handing a batch to the broker to its confirms. */
  readonly onConfirmed?: (durationMs: number) => void
}

/** What became of a message that had to arrive. `abandoned`: the worker gave up; the broker delivers the task again. */
export type DeliveryReport = 'confirmed' | 'unroutable' | 'abandoned'

interface Entry {
  readonly message: OutgoingMessage
  readonly settle: (outcome: PublishOutcome) => void
}

const backoffMs = { first: 50, max: 5_000 }

/**
 * Publishes what a worker has to say. Messages of one turn of the event loop go out as one batch, in the order in which
 * they were given, so that STARTED precedes the outcome of its attempt and a burst of results costs one round trip.
 */
export class ResultPublisher {
  readonly #options: ResultPublisherOptions
  readonly #random: () => number
  readonly #pauses = new Set<() => void>()
  #batch: Entry[] = []
  #isAbandoned = false

  constructor(options: ResultPublisherOptions) {
    this.#options = options
    this.#random = options.random ?? Math.random
  }

  /** One try. For what may be lost: STARTED, PROGRESS, events. */
  send(message: OutgoingMessage): Promise<PublishOutcome> {
    return new Promise((settle) => {
      if (this.#batch.length === 0) setImmediate(() => void this.#flush())
      this.#batch.push({ message, settle })
    })
  }

  /** Tries until the broker has it, however long the broker is away; or until `abandon`. */
  async deliver(message: OutgoingMessage): Promise<DeliveryReport> {
    for (let tries = 0; !this.#isAbandoned; tries++) {
      const outcome = await this.send(message)
      if (outcome === 'confirmed' || outcome === 'unroutable') return outcome
      if (tries === 0)
        this.#options.logger.warn({ outcome }, 'a result was not confirmed; it is published again')
      const ceilingMs = Math.min(backoffMs.max, backoffMs.first * 2 ** tries)
      await this.#pause(ceilingMs * (0.5 + this.#random() / 2))
    }
    return 'abandoned'
  }

  /** No further tries. Messages on their way keep their outcome. */
  abandon(): void {
    this.#isAbandoned = true
    for (const end of this.#pauses) end()
  }

  async #flush(): Promise<void> {
    const batch = this.#batch
    this.#batch = []
    const { broker, clock, logger, onConfirmed } = this.#options
    const startedAt = clock.now()
    let outcomes: readonly PublishOutcome[] = []
    try {
      outcomes = await broker.publish(batch.map(({ message }) => message))
      onConfirmed?.(clock.now() - startedAt)
    } catch (error) {
      // Refused as a whole before anything was sent: a stopped broker, or a defect of ours.
      logger.error({ err: error }, 'a batch was not published')
    }
    for (const [index, { settle }] of batch.entries()) settle(outcomes[index] ?? 'unknown')
  }

  #pause(delayMs: number): Promise<void> {
    if (this.#isAbandoned) return Promise.resolve()
    return new Promise((resolve) => {
      const end = (): void => {
        cancel()
        this.#pauses.delete(end)
        resolve()
      }
      const cancel = this.#options.clock.after(delayMs, end)
      this.#pauses.add(end)
    })
  }
}
