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
import type { DatabaseWatch } from './database-watch.ts'
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
  /** The consumer of the partition is gone, or about to be: someone else may be active now. */
  readonly onLost: (partition: number) => void
  /** The database has `ready` rows of the partition, or will: its next owner sends them, whether they were sent or not. */
  readonly hasUnsettled: (partition: number) => boolean
  /** Runs of owned partitions that nobody has taken up, found by scan; `isAll`: there are no more. */
  readonly onQueuedRuns: (runIds: readonly string[], isAll: boolean) => void
  /** False while the engine has enough to do: what is queued waits in the database. */
  readonly mayTakeUp: () => boolean
  /** Queued runs that are not to be taken up although the scan finds them. */
  readonly setAside: () => number
  /** Once per beat. */
  readonly onBeat: () => void
  readonly database: DatabaseWatch
}

/** Unacked deliveries per partition: bounds what a crash delivers again. */
const prefetch = 512
const beatMs = 1_000
const scanLimit = 500
/** How long giving a partition up may wait until what was sent is stored as sent, which takes 100 ms and a commit. */
const settleMs = { atMost: 1_000, lookEvery: 20 } as const

/**
 * The subscriptions of the engine: one consumer per partition, and the beat that keeps ownership moving: probes of
 * unowned partitions, the scan for runs nobody announced, and the even spread of partitions over live schedulers.
 */
export class EventConsumers {
  readonly #deps: EventConsumersDeps
  readonly #consumers = new Map<number, Consumer>()
  /** What has arrived from partitions that are being given up: it is for their next owners. */
  readonly #held = new Map<number, Delivery[]>()
  readonly #peers: SchedulerPeers
  #cancelBeat: () => void = () => {}
  #beat: Promise<void> = Promise.resolve()
  #scanning: Promise<void> | null = null
  #subscribing: Promise<void> | null = null
  #isSuspended = false
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
    await this.#subscribeMissing()
    this.#scheduleBeat(0)
  }

  /** Gives all partitions up; deliveries already handed out stay valid. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelBeat()
    await this.#beat
    await this.#giveUp([...this.#consumers.keys()])
  }

  /** No more deliveries and no beat, so that peers do not count on this scheduler. Those handed out stay valid. */
  async suspend(): Promise<void> {
    this.#isSuspended = true
    const consumers = [...this.#consumers.values()]
    this.#consumers.clear()
    await Promise.allSettled(consumers.map((consumer) => consumer.cancel()))
  }

  /** Subscribes to all partitions again, at the back of the queue. What fails, the beat tries again. */
  async resume(): Promise<void> {
    this.#isSuspended = false
    // A subscription waits for a broker that is away, for ever, and whoever stops the engine would wait for it.
    if (this.#deps.broker.state === 'open') await this.#subscribeMissing()
  }

  /** Looks for runs that nobody has taken up, unless it is looking already. */
  scan(): Promise<void> {
    this.#scanning ??= this.#scan().finally(() => {
      this.#scanning = null
    })
    return this.#scanning
  }

  async #scan(): Promise<void> {
    const { store, database, ownership, mayTakeUp, setAside, onQueuedRuns } = this.#deps
    const partitions = ownership.owned().filter((partition) => !this.#held.has(partition))
    // Whatever was left in the database is for others to find.
    if (partitions.length === 0) return onQueuedRuns([], true)
    if (this.#isSuspended || !mayTakeUp()) return
    const limit = scanLimit + setAside()
    const queued = await database.whileThere(() => store.listQueuedRuns({ partitions, limit }))
    onQueuedRuns(
      queued.map(({ id }) => id),
      queued.length < limit,
    )
  }

  /** One at a time: a partition subscribed to twice would be in line behind itself. */
  #subscribeMissing(): Promise<void> {
    this.#subscribing ??= this.#subscribeEach().finally(() => {
      this.#subscribing = null
    })
    return this.#subscribing
  }

  async #subscribeEach(): Promise<void> {
    for (let partition = 0; partition < partitionCount; partition++)
      if (!this.#isStopped && !this.#isSuspended && !this.#consumers.has(partition))
        await this.#subscribe(partition)
  }

  async #subscribe(partition: number): Promise<void> {
    const { broker, topology, onDelivery, onLost } = this.#deps
    const consumer = await broker.consume({
      queue: topology.eventQueue(partition),
      prefetch,
      onDelivery: (delivery) => {
        const held = this.#held.get(partition)
        if (held === undefined) onDelivery(partition, delivery)
        else held.push(delivery)
      },
      onState: (state) => {
        if (state === 'lost') onLost(partition)
      },
    })
    // Suspended while the broker was asked.
    if (this.#isSuspended) await consumer.cancel()
    else this.#consumers.set(partition, consumer)
  }

  /** The live scheduler that owns the partition; null: none that this one has heard of. */
  ownerOf(partition: number): string | null {
    const { ownership, name, clock } = this.#deps
    return ownership.owns(partition) ? name : this.#peers.ownerOf(partition, clock.now())
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
    const { broker, topology, name, ownership, onBeat } = this.#deps
    if (broker.state !== 'open' || this.#isSuspended) return
    onBeat()
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
    // Before the scan, so that no run is taken up to be given away.
    await this.#handOverSurplus(owned)
    await this.scan()
    // Again where that failed: a partition that nobody subscribes to stands still.
    await this.#subscribeMissing()
  }

  /** Gives one partition up where a peer has room: to the back of the queue's list of consumers, behind the peer. */
  async #handOverSurplus(owned: readonly number[]): Promise<void> {
    const partition = surplusPartition(owned, this.#peers.live(this.#deps.clock.now()))
    if (partition === null || this.#isStopped || this.#isSuspended) return
    await this.#giveUp([partition])
  }

  /**
   * Cancels subscriptions such that the next owners have nothing to send again: what has arrived is worked off first, and
   * what was sent is stored as sent. What arrives meanwhile goes back to the queue. Nothing is decided after that moment,
   * which lies before the cancel, so that no row becomes `ready` between.
   */
  async #giveUp(partitions: readonly number[]): Promise<void> {
    for (const partition of partitions) this.#held.set(partition, [])
    const wasStopped = this.#isStopped
    try {
      await this.#settled(partitions, wasStopped)
      if (this.#isSuspended || this.#isStopped !== wasStopped) return
      for (const partition of partitions) this.#deps.onLost(partition)
      const consumers = partitions.flatMap((partition) => this.#consumers.get(partition) ?? [])
      await Promise.all(consumers.map((consumer) => consumer.cancel()))
      for (const partition of partitions) this.#consumers.delete(partition)
    } finally {
      for (const partition of partitions) {
        const held = this.#held.get(partition) ?? []
        this.#held.delete(partition)
        for (const delivery of held) delivery.requeue()
      }
    }
  }

  async #settled(partitions: readonly number[], wasStopped: boolean): Promise<void> {
    const { clock, hasUnsettled } = this.#deps
    const endsAt = clock.now() + settleMs.atMost
    const mayWait = (): boolean =>
      clock.now() < endsAt && !this.#isSuspended && this.#isStopped === wasStopped
    while (mayWait() && partitions.some((partition) => hasUnsettled(partition)))
      await new Promise<void>((resolve) => clock.after(settleMs.lookEvery, resolve))
  }
}
