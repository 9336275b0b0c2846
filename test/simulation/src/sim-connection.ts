import type { MemoryServer } from '@celeriac/broker'
import type { EventLoop } from './event-loop.ts'
import { Lane } from './lane.ts'
import type { SimProcess } from './sim-process.ts'

export type ServerQueue = ReturnType<MemoryServer['queue']>
export type ServerConsumer = Parameters<ServerQueue['addConsumer']>[0]

/** The network as one connection sees it. */
export interface Network {
  readonly loop: EventLoop
  readonly server: MemoryServer
  /** How long the next frame takes. */
  readonly latency: () => number
}

/**
 * One physical connection of a process to the broker. Its two ends learn of its end apart from one another: until the
 * server does, it keeps consumers and unacked messages; until the client does, it goes on working.
 */
export class SimConnection {
  readonly token = Symbol('connection')
  readonly #network: Network
  readonly #process: SimProcess
  readonly #consumers = new Set<{ readonly queue: ServerQueue; readonly consumer: ServerConsumer }>()
  readonly #lanes = new Map<string, { readonly up: Lane; readonly down: Lane }>()
  /** From this moment on frames are lost, either way. */
  #cutAt = Infinity
  isOpenAtServer = true
  isOpenAtClient = true

  constructor(network: Network, process: SimProcess) {
    this.#network = network
    this.#process = process
    // A step of the server: what follows from it does not die with this process.
    network.loop.after(0, null, 'connection', () => network.server.connect(this.token))
  }

  /** A frame to the server. Those of one lane arrive in order. */
  up(lane: string, what: string, action: () => void): void {
    this.#lane(lane).up.send(this.#network.latency(), what, () => {
      if (this.isOpenAtServer && this.#network.loop.now < this.#cutAt) action()
    })
  }

  /** A frame to the client. */
  down(lane: string, what: string, action: () => void): void {
    if (!this.isOpenAtServer) return
    const { loop } = this.#network
    if (loop.now >= this.#cutAt) return
    this.#lane(lane).down.send(this.#network.latency(), what, () => {
      if (this.isOpenAtClient && loop.now < this.#cutAt) action()
    })
  }

  addConsumer(queue: ServerQueue, consumer: ServerConsumer): void {
    this.#consumers.add({ queue, consumer })
    queue.addConsumer(consumer)
  }

  /** It keeps what it holds unacked. */
  cancelConsumer(consumer: ServerConsumer): void {
    for (const each of this.#consumers) if (each.consumer === consumer) each.queue.removeConsumer(consumer)
  }

  /** Nothing gets through any more; nobody knows yet. */
  cut(): void {
    this.#cutAt = Math.min(this.#cutAt, this.#network.loop.now)
  }

  get isCut(): boolean {
    return this.#cutAt <= this.#network.loop.now
  }

  /**
   * The server ends it. Under a single active consumer the next one may be active before what the old one held has gone
   * back to the queue.
   */
  closeAtServer(): void {
    if (!this.isOpenAtServer) return
    this.isOpenAtServer = false
    const { loop, server } = this.#network
    for (const { queue, consumer } of this.#consumers) queue.removeConsumer(consumer)
    for (const { queue, consumer } of this.#consumers)
      loop.after(this.#network.latency(), null, 'unacked messages return', () => queue.returnAll(consumer))
    server.disconnect(this.token)
  }

  #lane(name: string): { readonly up: Lane; readonly down: Lane } {
    const known = this.#lanes.get(name)
    if (known !== undefined) return known
    const { loop } = this.#network
    const lane = { up: new Lane(loop, null), down: new Lane(loop, this.#process) }
    this.#lanes.set(name, lane)
    return lane
  }
}
