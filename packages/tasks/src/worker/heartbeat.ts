import type { Topology } from '@celeriac/broker'
import { encodeWorkerEvent, type WorkerEvent } from '@celeriac/contracts'
import type { Clock } from '@celeriac/core'
import { loadavg } from 'node:os'
import type { ResultPublisher } from './result-publisher.ts'

export interface HeartbeatOptions {
  readonly nodeName: string
  readonly topology: Topology
  readonly publisher: ResultPublisher
  readonly clock: Clock
  readonly version: string
  readonly queues: readonly string[]
  readonly concurrency: number
  readonly counts: () => { readonly active: number; readonly processed: number }
}

/** Seconds between heartbeats; Celery's own. Monitors call a worker lost after two that are missing. */
const frequencyS = 2

/** Celery's worker events: online, a heartbeat every two seconds (also while the worker drains), offline. */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  #cancel: () => void = () => {}

  constructor(options: HeartbeatOptions) {
    this.#options = options
  }

  start(): void {
    void this.#tell('worker-online')
    this.#schedule()
  }

  async stop(): Promise<void> {
    this.#cancel()
    await this.#tell('worker-offline')
  }

  /** No more heartbeats, and no farewell. */
  abort(): void {
    this.#cancel()
  }

  #schedule(): void {
    this.#cancel = this.#options.clock.after(frequencyS * 1_000, () => {
      void this.#tell('worker-heartbeat')
      this.#schedule()
    })
  }

  async #tell(type: WorkerEvent['type']): Promise<void> {
    const { nodeName, topology, publisher, clock, version, queues, concurrency, counts } = this.#options
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
      queues: [...queues],
      concurrency,
    }
    await publisher.send(encodeWorkerEvent(topology.eventExchange, event, clock.now()))
  }
}
