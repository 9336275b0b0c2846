import type { Delivery } from '@celeriac/core'
import type { TaskCall } from '../../message/task-call.ts'
import { keyOf, ReceivedTask } from './received-task.ts'
import type { RegisteredTask } from './registered-task.ts'

/** Ends that are remembered for repeated deliveries. */
const rememberedEnds = 1_024
/** Places of the line that are over, before it is made anew without them. */
const lineCut = 1_024

/** The tasks that a node holds, each once, and the last that it has ended. */
export class HeldTasks {
  readonly #nodeName: string
  readonly #byKey = new Map<string, ReceivedTask>()
  /** Further calls with the id of one that is here. */
  readonly #copies = new Set<ReceivedTask>()
  readonly #reserved = new Set<ReceivedTask>()
  /**
   * The order of the reserved ones, some of which were withdrawn since: a Set looks at all that it has forgotten before
   * it finds its first.
   */
  #line: (ReceivedTask | undefined)[] = []
  #nextInLine = 0
  readonly #ended = new Set<string>()
  /** The same in a ring, the oldest at `#oldestEnd`. */
  readonly #endsInOrder: string[] = []
  #oldestEnd = 0

  constructor(nodeName: string) {
    this.#nodeName = nodeName
  }

  all(state?: ReceivedTask['state']): readonly ReceivedTask[] {
    const all = [...this.#byKey.values(), ...this.#copies]
    return state === undefined ? all : all.filter((received) => received.state === state)
  }

  get reserved(): number {
    return this.#reserved.size
  }

  /** Whether the delivery is one more of a task that is here, or that ended here; it is taken care of then. */
  isRepeated(delivery: Delivery, call: TaskCall): boolean {
    const key = keyOf(call)
    const held = this.#byKey.get(key)
    // A task that is acknowledged before it runs is not protected by its message: another message is another call.
    if (held !== undefined && (delivery.redelivered || held.task.options.acksLate !== false)) {
      held.attach(delivery)
      return true
    }
    // The same id without that mark is a new call of the sender.
    if (!delivery.redelivered || !this.#ended.has(key)) return false
    delivery.ack()
    return true
  }

  hold(delivery: Delivery, call: TaskCall, task: RegisteredTask): ReceivedTask {
    const received = new ReceivedTask(call, task, delivery, this.#nodeName)
    if (this.#byKey.has(received.key)) this.#copies.add(received)
    else this.#byKey.set(received.key, received)
    return received
  }

  reserve(received: ReceivedTask): void {
    received.state = 'reserved'
    this.#reserved.add(received)
    this.#line.push(received)
  }

  /** The next one to start: first in, first out. */
  next(): ReceivedTask | null {
    while (this.#nextInLine < this.#line.length) {
      const first = this.#line[this.#nextInLine]
      // Messages are large: what has left the line must not be held by it.
      this.#line[this.#nextInLine++] = undefined
      if (first !== undefined && this.#reserved.delete(first)) {
        if (this.#nextInLine >= lineCut) this.#cutLine()
        return first
      }
    }
    this.#cutLine()
    return null
  }

  #cutLine(): void {
    this.#line = this.#line.slice(this.#nextInLine)
    this.#nextInLine = 0
  }

  /** It waits no longer, for a slot or for its time. */
  withdraw(received: ReceivedTask): void {
    received.cancelTimer()
    this.#reserved.delete(received)
  }

  release(received: ReceivedTask): void {
    this.withdraw(received)
    this.#copies.delete(received)
    if (this.#byKey.get(received.key) === received) this.#byKey.delete(received.key)
  }

  remember({ key }: ReceivedTask): void {
    if (this.#ended.has(key)) return
    const oldest = this.#endsInOrder[this.#oldestEnd]
    if (oldest !== undefined) this.#ended.delete(oldest)
    this.#ended.add(key)
    this.#endsInOrder[this.#oldestEnd] = key
    this.#oldestEnd = (this.#oldestEnd + 1) % rememberedEnds
  }
}
