import { messageOf } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { Topology } from '../topology.ts'
import { declareAll } from './declare-topology.ts'
import type { RunTimeDeclarations } from './run-time-declarations.ts'
import type { Session } from './session.ts'

/** At most one declaration of the whole topology in this time because of returned messages. */
const returnedIntervalMs = 1_000

/**
 * Declares the topology, and what was declared at run time, when a connection begins, and again when something of it
 * turns out to be missing.
 */
export class TopologyRepair {
  readonly #topology: Topology
  readonly #declarations: RunTimeDeclarations
  readonly #logger: Logger
  readonly #queues: ReadonlySet<string>
  readonly #running = new WeakMap<Session, Promise<void>>()
  #lastReturnedAt = -Infinity

  constructor(topology: Topology, declarations: RunTimeDeclarations, logger: Logger) {
    this.#topology = topology
    this.#declarations = declarations
    this.#logger = logger
    this.#queues = new Set(topology.queues.map((queue) => queue.name))
  }

  /** Callers at the same time share one declaration. */
  declare(session: Session): Promise<void> {
    const running = this.#running.get(session)
    if (running !== undefined) return running
    const declaring = this.#declare(session).finally(() => this.#running.delete(session))
    this.#running.set(session, declaring)
    return declaring
  }

  /** A message came back: when it was for a queue of ours, somebody has deleted that. */
  onReturned(session: Session | null, exchange: string, routingKey: string): void {
    if (session === null || exchange !== '' || !this.#isOurs(routingKey)) return
    const now = performance.now()
    if (now - this.#lastReturnedAt < returnedIntervalMs) return
    this.#lastReturnedAt = now
    this.#logger.warn({ queue: routingKey }, 'queue is missing; the topology is declared again')
    this.declare(session).catch((error: unknown) =>
      this.#logger.warn({ err: messageOf(error) }, 'topology not declared again'),
    )
  }

  #isOurs(queue: string): boolean {
    return this.#queues.has(queue) || this.#declarations.hasQueue(queue)
  }

  async #declare(session: Session): Promise<void> {
    await declareAll(session, this.#topology)
    await this.#declarations.assertAll(session)
  }
}
