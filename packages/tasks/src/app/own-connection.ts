import {
  AppError,
  type Broker,
  type BrokerState,
  type Consumer,
  type ConsumeOptions,
  type Declaration,
  type OutgoingMessage,
  type PrivateQueueOptions,
  type PublishOutcome,
  type QueueDepth,
} from '@celeriac/core'

/**
 * The broker of an application that was given a URL. Adapters end for good when their first connection fails or they are
 * stopped; this one begins anew with the next `start`, so that a program that was there before its broker, or that stops
 * for a while, needs no new application. What was declared and consumed before belongs to the connection that ended.
 */
export class OwnConnection implements Broker {
  readonly isDurable = true
  readonly #connect: () => Broker
  readonly #listeners = new Set<(state: BrokerState) => void>()
  #current: Broker | null = null
  #starting: Promise<void> | null = null

  /** @param connect makes an adapter that is not started */
  constructor(connect: () => Broker) {
    this.#connect = connect
  }

  get state(): BrokerState {
    return this.#current?.state ?? 'closed'
  }

  start(): Promise<void> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  async stop(): Promise<void> {
    const current = this.#current
    this.#current = this.#starting = null
    await current?.stop()
  }

  opened(): Promise<void> {
    return this.#started((broker) => broker.opened())
  }

  publish(messages: readonly OutgoingMessage[]): Promise<readonly PublishOutcome[]> {
    return this.#started((broker) => broker.publish(messages))
  }

  consume(options: ConsumeOptions): Promise<Consumer> {
    return this.#started((broker) => broker.consume(options))
  }

  declarePrivateQueue(options: PrivateQueueOptions): Promise<void> {
    return this.#started((broker) => broker.declarePrivateQueue(options))
  }

  declare(declaration: Declaration): Promise<void> {
    return this.#started((broker) => broker.declare(declaration))
  }

  undeclare(names: { readonly queues?: readonly string[]; readonly exchanges?: readonly string[] }): void {
    this.#current?.undeclare(names)
  }

  purge(queue: string): Promise<number> {
    return this.#started((broker) => broker.purge(queue))
  }

  deleteQueue(queue: string): Promise<void> {
    return this.#started((broker) => broker.deleteQueue(queue))
  }

  depths(queues: readonly string[]): Promise<readonly QueueDepth[]> {
    return this.#started((broker) => broker.depths(queues))
  }

  onState(listener: (state: BrokerState) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async #start(): Promise<void> {
    const broker = this.#connect()
    this.#current = broker
    broker.onState((state) => {
      for (const listener of this.#listeners) listener(state)
    })
    try {
      await broker.start()
    } catch (error) {
      if (this.#current === broker) this.#current = this.#starting = null
      throw error
    }
  }

  async #started<Result>(use: (broker: Broker) => Promise<Result>): Promise<Result> {
    if (this.#current === null) throw new AppError('BROKER_UNAVAILABLE', 'the application is not connected')
    return use(this.#current)
  }
}
