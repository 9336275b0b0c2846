import { decodeWorkerEvent, type SlotCounts, type WorkerEvent } from '@celeriac/contracts'
import { isAppError, type Broker, type Clock, type Delivery, type Instant } from '@celeriac/core'
import type { Topology } from '@celeriac/broker'
import type { WorkerInfo } from '../http/api-deps.ts'
import { leaseTtlMs } from './leases.ts'

/** A worker that missed this many beats counts as lost. */
const missedBeats = 4
const defaultBeatS = 2
/** Long enough for an alert; then it is taken for a machine that was put away. */
const forgetAfterMs = 600_000

/** Who renews the lease of an attempt, as heartbeats say. */
export interface LeaseView {
  readonly worker: string
  readonly renewedAt: Instant
  /** When the attempt counts as lost with its worker, unless the lease is renewed before. */
  readonly expiresAt: Instant
}

export interface WorkerRegistryDeps {
  readonly broker: Broker
  readonly topology: Topology
  readonly clock: Clock
  readonly name: string
  /** Told of each heartbeat that lists attempts, before anybody else can ask. Must not throw. */
  readonly onLeases?: (event: WorkerEvent) => void
}

interface KnownWorker {
  readonly leases: readonly string[]
  readonly info: WorkerInfo
  readonly slots: Readonly<Record<string, SlotCounts>>
  /** When it counts as lost, unless it is heard of before. */
  readonly lostAt: Instant
}

/** The fleet as heartbeats show it. */
export interface FleetCounts {
  readonly alive: number
  /** Fell silent without a farewell within the last ten minutes. */
  readonly lost: number
  /** By executor; of live workers that say so (ours do, stock Celery workers do not). */
  readonly slots: Readonly<Record<string, SlotCounts>>
}

/** The workers, Celery's included, by their heartbeats on `celeryev`. Each scheduler keeps its own view. */
export class WorkerRegistry {
  readonly #deps: WorkerRegistryDeps
  readonly #workers = new Map<string, KnownWorker>()
  #isListening = false

  constructor(deps: WorkerRegistryDeps) {
    this.#deps = deps
  }

  /** False while no heartbeat could arrive: the silence of a worker says nothing then. */
  get isListening(): boolean {
    return this.#isListening
  }

  async start(): Promise<void> {
    const { broker, topology, name } = this.#deps
    const queue = `${topology.eventExchange}.${name}`
    await broker.declarePrivateQueue({
      name: queue,
      bindings: [{ exchange: topology.eventExchange, routingKey: 'worker.#' }],
      messageTtlMs: 5_000,
    })
    await broker.consume({
      queue,
      prefetch: 0,
      noAck: true,
      onDelivery: (delivery) => this.#onEvent(delivery),
      onState: (state) => {
        this.#isListening = state === 'active'
      },
    })
  }

  /** Workers heard of lately, by name. */
  live(): WorkerInfo[] {
    return this.#alive()
      .map(({ info }) => info)
      .toSorted((a, b) => a.name.localeCompare(b.name))
  }

  counts(): FleetCounts {
    const alive = this.#alive()
    const slots: Record<string, SlotCounts> = {}
    for (const worker of alive)
      for (const [executor, { busy, free }] of Object.entries(worker.slots)) {
        const sum = slots[executor] ?? { busy: 0, free: 0 }
        slots[executor] = { busy: sum.busy + busy, free: sum.free + free }
      }
    return { alive: alive.length, lost: this.#workers.size - alive.length, slots }
  }

  /** Who renews the lease of the attempt; null when no live worker lists it. Of several, the last one heard of. */
  leaseOf(attemptId: string): LeaseView | null {
    let holder: KnownWorker | null = null
    for (const worker of this.#alive())
      if (
        worker.leases.includes(attemptId) &&
        (holder === null || worker.info.lastSeenAt >= holder.info.lastSeenAt)
      )
        holder = worker
    if (holder === null) return null
    const { name, lastSeenAt } = holder.info
    return { worker: name, renewedAt: lastSeenAt, expiresAt: lastSeenAt + leaseTtlMs }
  }

  /** Live workers that take tasks from the queue. Celery's do not tell what they consume. */
  consumersOf(queue: string): WorkerInfo[] {
    return this.live().filter(({ queues }) => queues.includes(queue))
  }

  /** When the worker was last heard of; null: never, not for ten minutes, or it said farewell. */
  seenAt(worker: string): Instant | null {
    return this.#workers.get(worker)?.info.lastSeenAt ?? null
  }

  #alive(): KnownWorker[] {
    const now = this.#deps.clock.now()
    for (const [name, { lostAt }] of this.#workers)
      if (lostAt + forgetAfterMs <= now) this.#workers.delete(name)
    return [...this.#workers.values()].filter(({ lostAt }) => lostAt > now)
  }

  #onEvent(delivery: Delivery): void {
    try {
      const event = decodeWorkerEvent(delivery)
      if (event.type === 'worker-offline') this.#workers.delete(event.hostname)
      else {
        // The receiver's clock counts: a worker's own may be off.
        this.#workers.set(event.hostname, knownWorker(event, this.#deps.clock.now()))
        if (event.leases !== undefined) this.#deps.onLeases?.(event)
      }
    } catch (error) {
      // Events are a broadcast that anybody may send to: what cannot be read is not ours.
      if (!isAppError(error)) throw error
    }
  }
}

const knownWorker = (event: WorkerEvent, now: Instant): KnownWorker => ({
  lostAt: now + missedBeats * 1_000 * (event.freq ?? defaultBeatS),
  slots: event.slots ?? {},
  leases: event.leases ?? [],
  info: {
    name: event.hostname,
    alive: true,
    pid: event.pid ?? null,
    queues: event.queues ?? [],
    concurrency: event.concurrency ?? null,
    active: event.active ?? null,
    processed: event.processed ?? null,
    software: event.sw_ident === undefined ? null : `${event.sw_ident} ${event.sw_ver ?? ''}`.trim(),
    lastSeenAt: now,
  },
})
