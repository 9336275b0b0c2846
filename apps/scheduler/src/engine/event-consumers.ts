import { encodeEngineMessage } from '@celeriac/contracts'
import {
  messageOf,
  partitionCount,
  type Broker,
  type Clock,
  type Consumer,
  type Delivery,
  type Store,
} from '@celeriac/core'
import type { Topology } from '@celeriac/broker'
import type { Logger } from '@celeriac/runtime'
import { encodeSchedulerBeat, decodeSchedulerBeat, surplusPartition, SchedulerPeers } from './peers.ts'
import type { Ownership } from './ownership.ts'

export interface EventConsumersDeps {
  readonly store: Store
  readonly broker: Broker
  readonly topology: Topology
  readonly clock: Clock
  readonly logger: Logger
  readonly name: string
  readonly ownership: Ownership
  readonly onDelivery: (partition: number, delivery: Delivery) => void
  /** The consumer of the partition is gone: someone else may be active now. */
  readonly onLost: (partition: number) => void
  /** Runs of owned partitions that nobody has taken up, found by scan. */
  readonly onQueuedRuns: (runIds: readonly string[]) => void
}

/** Unacked deliveries per partition: bounds what a crash delivers again. */
const prefetch = 512
const beatMs = 1_000
const scanLimit = 500

/**
 * The subscriptions of the engine: one consumer per partition, and the beat that keeps ownership moving: probes of
 * unowned partitions, the scan for runs nobody announced, and the even spread of partitions over live schedulers.
 */
export class EventConsumers {
  readonly #deps: EventConsumersDeps
  readonly #consumers = new Map<number, Consumer>()
  readonly #peers: SchedulerPeers
  #cancelBeat: () => void = () => {}
  #beat: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(deps: EventConsumersDeps) {
    this.#deps = deps
    this.#peers = new SchedulerPeers(deps.name)
  }

  async start(): Promise<void> {
    const { broker, topology, name } = this.#deps
    const queue = `${topology.liveExchange}.${name}`
    await broker.declarePrivateQueue({
      name: queue,
      bindings: [{ exchange: topology.liveExchange, routingKey: '' }],
      messageTtlMs: 5_000,
    })
    await broker.consume({
      queue,
      prefetch: 0,
      noAck: true,
      onDelivery: (delivery) => this.#onPeer(delivery),
    })
    for (let partition = 0; partition < partitionCount; partition++) await this.#subscribe(partition)
    this.#scheduleBeat(0)
  }

  /** Cancels the subscriptions; deliveries already handed out stay valid. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelBeat()
    await this.#beat
    await Promise.all([...this.#consumers.values()].map((consumer) => consumer.cancel()))
    this.#consumers.clear()
  }

  async #subscribe(partition: number): Promise<void> {
    const { broker, topology, onDelivery, onLost } = this.#deps
    const consumer = await broker.consume({
      queue: topology.eventQueue(partition),
      prefetch,
      onDelivery: (delivery) => onDelivery(partition, delivery),
      onState: (state) => {
        if (state === 'lost') onLost(partition)
      },
    })
    this.#consumers.set(partition, consumer)
  }

  #onPeer(delivery: Delivery): void {
    const beat = decodeSchedulerBeat(delivery)
    if (beat !== null) this.#peers.seen(beat, this.#deps.clock.now())
  }

  #scheduleBeat(delayMs: number): void {
    if (this.#isStopped) return
    this.#cancelBeat = this.#deps.clock.after(delayMs, () => {
      this.#beat = this.#runBeat()
        .catch((error: unknown) => this.#deps.logger.warn({ err: messageOf(error) }, 'scheduler beat failed'))
        .then(() => this.#scheduleBeat(beatMs))
    })
  }

  async #runBeat(): Promise<void> {
    const { broker, topology, name, ownership, store, onQueuedRuns } = this.#deps
    if (broker.state !== 'open') return
    const owned = ownership.owned()
    const probes = Array.from({ length: partitionCount }, (_, partition) => partition)
      .filter((partition) => !ownership.owns(partition))
      .map((partition) =>
        encodeEngineMessage(
          { event: 'partition.probe', partition, sender: name },
          topology.eventQueue(partition),
          2 * beatMs,
        ),
      )
    await broker.publish([encodeSchedulerBeat(topology.liveExchange, { name, partitions: owned }), ...probes])
    if (owned.length > 0) {
      const queued = await store.listQueuedRuns({ partitions: owned, limit: scanLimit })
      if (queued.length > 0) onQueuedRuns(queued.map(({ id }) => id))
    }
    await this.#handOverSurplus(owned)
    // Again where that failed: a partition that nobody subscribes to stands still.
    for (let partition = 0; partition < partitionCount && !this.#isStopped; partition++)
      if (!this.#consumers.has(partition)) await this.#subscribe(partition)
  }

  /** Gives one partition up where a peer has room: to the back of the queue's list of consumers, behind the peer. */
  async #handOverSurplus(owned: readonly number[]): Promise<void> {
    const partition = surplusPartition(owned, this.#peers.live(this.#deps.clock.now()))
    if (partition === null || this.#isStopped) return
    await this.#consumers.get(partition)?.cancel()
    this.#consumers.delete(partition)
    this.#deps.onLost(partition)
  }
}
