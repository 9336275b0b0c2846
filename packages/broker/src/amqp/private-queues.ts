import { messageOf, type PrivateQueueOptions } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { declareExclusiveQueue } from './declare-topology.ts'
import type { Session } from './session.ts'

/** The exclusive queues of a broker, declared anew on each connection. */
export class PrivateQueues {
  readonly #queues = new Map<string, PrivateQueueOptions>()
  readonly #logger: Logger

  constructor(logger: Logger) {
    this.#logger = logger
  }

  add(queue: PrivateQueueOptions): void {
    this.#queues.set(queue.name, queue)
  }

  remove(name: string): void {
    this.#queues.delete(name)
  }

  /** Does nothing for a name that is not one of these. */
  async declare(session: Session, name: string): Promise<void> {
    const queue = this.#queues.get(name)
    if (queue !== undefined) await declareExclusiveQueue(session, queue)
  }

  /**
   * A queue that is refused does not keep the connection from opening: the broker may believe for a while that our last
   * connection is alive and owns it. Its consumer declares it again until that works.
   */
  async declareAll(session: Session): Promise<void> {
    for (const queue of this.#queues.values()) {
      try {
        await declareExclusiveQueue(session, queue)
      } catch (error) {
        if (!session.isOpen) throw error
        this.#logger.warn({ queue: queue.name, err: messageOf(error) }, 'private queue not declared')
      }
    }
  }
}
