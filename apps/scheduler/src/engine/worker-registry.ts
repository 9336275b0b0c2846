import { decodeWorkerEvent } from '@celeriac/contracts'
import { isAppError, type Broker, type Clock, type Delivery, type Instant } from '@celeriac/core'
import type { Topology } from '@celeriac/broker'
import type { WorkerInfo } from '../http/api-deps.ts'

/** A worker that missed this many beats counts as gone. */
const missedBeats = 4
const defaultBeatS = 2

/** The live workers, Celery's included, by their heartbeats on `celeryev`. Each scheduler keeps its own view. */
export class WorkerRegistry {
  readonly #deps: { broker: Broker; topology: Topology; clock: Clock; name: string }
  readonly #workers = new Map<string, { info: WorkerInfo; goneAt: Instant }>()

  constructor(deps: { broker: Broker; topology: Topology; clock: Clock; name: string }) {
    this.#deps = deps
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
    })
  }

  /** Workers heard of lately, by name. */
  live(): WorkerInfo[] {
    const now = this.#deps.clock.now()
    for (const [name, { goneAt }] of this.#workers) if (goneAt <= now) this.#workers.delete(name)
    return [...this.#workers.values()]
      .map(({ info }) => info)
      .toSorted((a, b) => a.name.localeCompare(b.name))
  }

  #onEvent(delivery: Delivery): void {
    try {
      const event = decodeWorkerEvent(delivery)
      if (event.type === 'worker-offline') {
        this.#workers.delete(event.hostname)
        return
      }
      // The receiver's clock counts: a worker's own may be off.
      const now = this.#deps.clock.now()
      this.#workers.set(event.hostname, {
        goneAt: now + missedBeats * 1_000 * (event.freq ?? defaultBeatS),
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
    } catch (error) {
      // Events are a broadcast that anybody may send to: what cannot be read is not ours.
      if (!isAppError(error)) throw error
    }
  }
}
