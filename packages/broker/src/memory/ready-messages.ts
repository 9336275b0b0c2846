import { Deque } from '../deque.ts'
import type { StoredMessage } from './stored-message.ts'

/** Messages that wait in a queue: the highest priority first, the oldest first within it. */
export class ReadyMessages {
  /** By priority. */
  readonly #lanes: readonly Deque<StoredMessage>[]
  #size = 0

  /** Higher priorities than `maxPriority` count as that. */
  constructor(maxPriority = 0) {
    this.#lanes = Array.from({ length: maxPriority + 1 }, () => new Deque<StoredMessage>())
  }

  get size(): number {
    return this.#size
  }

  pushBack(message: StoredMessage): void {
    this.#laneOf(message).pushBack(message)
    this.#size++
  }

  pushFront(message: StoredMessage): void {
    this.#laneOf(message).pushFront(message)
    this.#size++
  }

  peek(): StoredMessage | undefined {
    return this.#lanes.findLast((lane) => lane.size > 0)?.peek()
  }

  popFront(): StoredMessage | undefined {
    const message = this.#lanes.findLast((lane) => lane.size > 0)?.popFront()
    if (message !== undefined) this.#size--
    return message
  }

  /** Drops everything; tells how many that were. */
  clear(): number {
    const dropped = this.#size
    for (const lane of this.#lanes) lane.clear()
    this.#size = 0
    return dropped
  }

  #laneOf({ properties }: StoredMessage): Deque<StoredMessage> {
    const priority = Math.min(properties.priority ?? 0, this.#lanes.length - 1)
    return this.#lanes[priority] as Deque<StoredMessage>
  }
}
