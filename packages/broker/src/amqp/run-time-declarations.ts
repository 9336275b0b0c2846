import { messageOf, type Declaration } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { DeclarationSet } from '../declaration-set.ts'
import { declareAll } from './declare-topology.ts'
import type { Session } from './session.ts'

/** What `Broker.declare` was given, asserted anew on each connection. */
export class RunTimeDeclarations {
  readonly #set = new DeclarationSet()
  readonly #logger: Logger

  constructor(logger: Logger) {
    this.#logger = logger
  }

  hasExchange(name: string): boolean {
    return this.#set.hasExchange(name)
  }

  hasQueue(name: string): boolean {
    return this.#set.hasQueue(name)
  }

  /** Keeps it for every connection that comes. */
  add(declaration: Declaration): void {
    this.#set.add(declaration)
  }

  remove(names: { readonly queues?: readonly string[]; readonly exchanges?: readonly string[] }): void {
    this.#set.remove(names)
  }

  /**
   * A part that is refused does not keep the connection from opening, nor the other parts from being asserted: it was
   * possible once, and somebody has changed the broker since.
   */
  async assertAll(session: Session): Promise<void> {
    if (this.#set.isEmpty) return
    try {
      await declareAll(session, this.#set.all())
    } catch (error) {
      if (!session.isOpen) throw error
      await this.#assertEach(session)
    }
  }

  async #assertEach(session: Session): Promise<void> {
    for (const part of this.#set.parts()) {
      try {
        await declareAll(session, part)
      } catch (error) {
        if (!session.isOpen) throw error
        this.#logger.warn({ declaration: part, err: messageOf(error) }, 'declaration refused by the broker')
      }
    }
  }
}
