import type { Topology } from '@celeriac/broker'
import {
  partitionCount,
  type Broker,
  type Clock,
  type OutgoingMessage,
  type PublishOutcome,
} from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'

export interface ResultPublisherOptions {
  readonly broker: Broker
  readonly topology: Topology
  readonly clock: Clock
  readonly logger: Logger
  /** Draws from [0, 1), for jitter. @default Math.random */
  readonly random?: () => number
}

/**
 * What became of a message that had to arrive. `unroutable`: nobody waits for it any more. `abandoned`: the worker gave up;
 * the broker delivers the task again.
 */
export type DeliveryReport = 'confirmed' | 'unroutable' | 'abandoned'

interface Entry {
  readonly message: OutgoingMessage
  readonly settle: (outcome: PublishOutcome) => void
}

const backoffMs = { first: 50, max: 5_000 }
/** Tries of what a stopping worker says last, if it can. */
const offers = 3
/** No further try after this time: a broker that does not answer must not hold up the stop. */
const offersEndMs = 2_000

/**
 * Publishes what a worker has to say. Messages of one turn of the event loop go out as one batch, in the order in which
 * they were given, so that STARTED precedes the outcome of its attempt and a burst of results costs one round trip.
 */
export class ResultPublisher {
  readonly #options: ResultPublisherOptions
  readonly #random: () => number
  readonly #pauses = new Set<() => void>()
  readonly #eventQueues: ReadonlySet<string>
  #batch: Entry[] = []
  #isAbandoned = false

  constructor(options: ResultPublisherOptions) {
    this.#options = options
    this.#random = options.random ?? Math.random
    this.#eventQueues = new Set(
      Array.from({ length: partitionCount }, (_, partition) => options.topology.eventQueue(partition)),
    )
  }

  /** One try. For what may be lost: STARTED, PROGRESS, events. */
  send(message: OutgoingMessage): Promise<PublishOutcome> {
    return new Promise((settle) => {
      if (this.#batch.length === 0) setImmediate(() => void this.#flush())
      this.#batch.push({ message, settle })
    })
  }

  /**
   * Tries until the broker has it, however long the broker is away; or until `abandon`. An event queue of the engine that is
   * missing is declared again (the broker adapter does it), so its messages wait for it; any other address that is gone
   * has nobody behind it. `about` is how the log names what the message is about.
   */
  async deliver(message: OutgoingMessage, about: object = {}): Promise<DeliveryReport> {
    for (let tries = 0; !this.#isAbandoned; tries++) {
      const outcome = await this.send(message)
      if (outcome === 'confirmed') return outcome
      if (outcome === 'unroutable' && !this.#eventQueues.has(message.routingKey)) return outcome
      if (tries === 0)
        this.#options.logger.warn({ ...about, outcome }, 'a result was not confirmed; it is published again')
      await this.#pause(this.#backoffMs(tries))
    }
    return 'abandoned'
  }

  /** A few tries while the broker can be reached, also after `abandon`. For what helps when it arrives. */
  async offer(message: OutgoingMessage): Promise<boolean> {
    const { broker, clock } = this.#options
    const endsAt = clock.now() + offersEndMs
    for (let tries = 0; tries < offers && broker.state === 'open' && clock.now() < endsAt; tries++) {
      if (tries > 0) await this.#sleep(this.#backoffMs(tries))
      if ((await this.send(message)) === 'confirmed') return true
    }
    return false
  }

  /** No further tries. Messages on their way keep their outcome. */
  abandon(): void {
    this.#isAbandoned = true
    for (const end of this.#pauses) end()
  }

  async #flush(): Promise<void> {
    const batch = this.#batch
    this.#batch = []
    const { broker, logger } = this.#options
    let outcomes: readonly PublishOutcome[] = []
    try {
      outcomes = await broker.publish(batch.map(({ message }) => message))
    } catch (error) {
      // Refused as a whole before anything was sent: a stopped broker, or a defect of ours.
      logger.error({ err: error }, 'a batch was not published')
    }
    for (const [index, { settle }] of batch.entries()) settle(outcomes[index] ?? 'unknown')
  }

  #backoffMs(tries: number): number {
    const ceilingMs = Math.min(backoffMs.max, backoffMs.first * 2 ** tries)
    return ceilingMs * (0.5 + this.#random() / 2)
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.after(delayMs, resolve)
    })
  }

  /** Ends early when the worker gives up. */
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
