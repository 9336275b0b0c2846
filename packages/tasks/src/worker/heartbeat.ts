import type { Topology } from '@celeriac/broker'
import { encodeWorkerEvent, type SlotCounts, type WorkerEvent } from '@celeriac/contracts'
import type { Broker, Clock } from '@celeriac/core'
import { loadavg } from 'node:os'
import type { LamportClock } from './node/lamport-clock.ts'
import type { ResultPublisher } from './result-publisher.ts'

export interface HeartbeatOptions {
  readonly nodeName: string
  readonly broker: Broker
  readonly topology: Topology
  readonly publisher: ResultPublisher
  readonly clock: Clock
  readonly logicalClock: LamportClock
  readonly version: string
  readonly queues: () => readonly string[]
  readonly concurrency: () => number
  readonly counts: () => { readonly active: number; readonly processed: number }
  /** By executor. */
  readonly slots: () => Readonly<Record<string, SlotCounts>>
  /** The operator attempts that run here. */
  readonly leases: () => readonly HeldAttempt[]
}

/** An attempt whose lease a heartbeat renews. */
export interface HeldAttempt {
  readonly attemptId: string
  readonly runId: string
  /** Its deliveries are acked: the lease is all that guards it. */
  readonly isLeased: boolean
}

/**
 * Seconds between heartbeats. Each renews the leases of the attempts that run, which schedulers take for expired after four
 * seconds; Celery's monitors call a worker lost after two heartbeats that are missing.
 */
const frequencyS = 1
/** Of a size that fits a message. */
const maxLeases = 2_048

/**
 * Celery's worker events: online, a heartbeat every second (also while the worker drains) and at once when the connection is
 * back, offline. While the broker is away there is nobody to hear them, and what waited for it would be out of date.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  #cancel: () => void = () => {}
  #stopListening: () => void = () => {}

  constructor(options: HeartbeatOptions) {
    this.#options = options
  }

  start(): void {
    void this.#tell('worker-online')
    this.#schedule()
    this.#stopListening = this.#options.broker.onState((state) => {
      if (state === 'open') this.beat()
    })
  }

  async stop(): Promise<void> {
    this.abort()
    await this.#tell('worker-offline')
  }

  /** One more, out of turn. */
  beat(): void {
    void this.#tell('worker-heartbeat')
  }

  /** No more heartbeats, and no farewell. */
  abort(): void {
    this.#cancel()
    this.#stopListening()
  }

  #schedule(): void {
    this.#cancel = this.#options.clock.after(frequencyS * 1_000, () => {
      if (this.#options.broker.state === 'open') this.beat()
      this.#schedule()
    })
  }

  async #tell(type: WorkerEvent['type']): Promise<void> {
    const { nodeName, topology, publisher, clock, logicalClock, version } = this.#options
    const { queues, concurrency, counts, slots, leases } = this.#options
    const held = leases().slice(0, maxLeases)
    const event = {
      type,
      hostname: nodeName,
      timestamp: 0,
      pid: process.pid,
      freq: frequencyS,
      ...counts(),
      loadavg: loadavg(),
      sw_ident: 'celeriac',
      sw_ver: version,
      sw_sys: process.platform,
      queues: [...queues()],
      concurrency: concurrency(),
      clock: logicalClock.forward(),
      slots: slots(),
      leases: held.map(({ attemptId }) => attemptId),
      lease_runs: held.map(({ runId }) => runId),
      handed_over: held.filter(({ isLeased }) => isLeased).map(({ attemptId }) => attemptId),
    }
    await publisher.send(encodeWorkerEvent(topology.eventExchange, event, clock.now()))
  }
}
