/**
 * The one scheduler of a simulation: a queue of steps, ordered by virtual time.
 *
 * Whatever a program under simulation waits for (an answer of the database, a confirm, a delivery, a timer) is a step that
 * was given a random moment when it was asked for. A step runs to the end, with all that follows from it without waiting
 * (the microtasks), before the next one begins. So the seed decides the interleaving, and the same seed gives the same.
 *
 * A step belongs to a process or, when `owner` is null, to the world outside (the servers, the network). Steps of a
 * process that has died do not run; those of one that is stopped wait until it goes on, in their order.
 */
import type { Random } from './random.ts'

/** A process as the event loop sees it. */
export interface StepOwner {
  readonly name: string
  readonly isAlive: boolean
  /** Stopped (SIGSTOP) until this moment. */
  readonly frozenUntil: number
}

interface Step {
  at: number
  order: number
  readonly owner: StepOwner | null
  readonly what: string
  readonly action: () => void
  isCancelled: boolean
}

const realSetImmediate = globalThis.setImmediate
const realRandom = Math.random
const turn = (): Promise<void> => new Promise((resolve) => realSetImmediate(resolve))

export class EventLoop {
  readonly random: Random
  /** Milliseconds since the simulation began; runs evenly, whatever the clocks of the processes show. */
  now = 0
  steps = 0
  /** A hash of all steps so far: equal for equal runs. */
  digest = 0x811c9dc5
  readonly #heap: Step[] = []
  readonly #afterStep: ((owner: StepOwner | null) => void)[] = []
  #orders = 0
  #current: StepOwner | null = null
  #isInStep = false

  constructor(random: Random) {
    this.random = random
  }

  /** Calls `listener` after every step, once everything that follows from it has happened. */
  onStep(listener: (owner: StepOwner | null) => void): void {
    this.#afterStep.push(listener)
  }

  /** Runs `action` after this time, for `owner`; returns its cancellation. */
  after(delayMs: number, owner: StepOwner | null, what: string, action: () => void): () => void {
    const step: Step = {
      at: this.now + Math.max(0, delayMs),
      order: this.#orders++,
      owner,
      what,
      action,
      isCancelled: false,
    }
    this.#push(step)
    return () => {
      step.isCancelled = true
    }
  }

  /** Runs steps until `isDone` says so, or none is left, or the time is up. */
  async run(untilMs: number, isDone: () => boolean): Promise<void> {
    const restore = this.#divert()
    try {
      for (;;) {
        const step = this.#heap[0]
        if (isDone()) return
        if (step === undefined || step.at > untilMs) {
          this.now = Math.max(this.now, untilMs)
          return
        }
        this.#pop()
        if (await this.#runStep(step)) for (const listener of this.#afterStep) listener(step.owner)
      }
    } finally {
      restore()
    }
  }

  async #runStep(step: Step): Promise<boolean> {
    const { owner } = step
    if (step.isCancelled || owner?.isAlive === false) return false
    this.now = Math.max(this.now, step.at)
    if (owner !== null && owner.frozenUntil > this.now) {
      step.at = owner.frozenUntil
      // A process that goes on looks at its timers before it reads what has arrived.
      if (step.what === 'timer' && step.order >= 0) step.order -= Number.MAX_SAFE_INTEGER
      this.#push(step)
      return false
    }
    this.steps++
    this.#note(step)
    this.#current = owner
    this.#isInStep = true
    step.action()
    // The world outside has no promises of its own to settle.
    if (owner !== null) await turn()
    this.#isInStep = false
    this.#current = null
    return true
  }

  /**
   * What programs take from Node.js instead of a port: `setImmediate` becomes a step of the process that calls it, and
   * `Math.random` draws from the seed. Outside of steps both are as ever.
   */
  #divert(): () => void {
    const divertedImmediate = (
      action: (...args: unknown[]) => void,
      ...args: unknown[]
    ): NodeJS.Immediate => {
      if (!this.#isInStep) return realSetImmediate(action, ...args)
      this.after(this.random.next() * 0.2, this.#current, 'turn', () => action(...args))
      return undefined as unknown as NodeJS.Immediate
    }
    globalThis.setImmediate = divertedImmediate as typeof setImmediate
    Math.random = () => (this.#isInStep ? this.random.next() : realRandom())
    return () => {
      globalThis.setImmediate = realSetImmediate
      Math.random = realRandom
    }
  }

  #note({ at, owner, what }: Step): void {
    let hash = this.digest ^ Math.floor(at * 1_000)
    for (const text of [owner?.name ?? '', what])
      for (let index = 0; index < text.length; index++)
        hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
    this.digest = hash | 0
  }

  #push(step: Step): void {
    const heap = this.#heap
    let index = heap.push(step) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]
      if (above === undefined || isBefore(above, step)) break
      heap[index] = above
      index = parent
    }
    heap[index] = step
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      let first = heap[child]
      if (first === undefined) break
      const right = heap[child + 1]
      if (right !== undefined && isBefore(right, first)) {
        child++
        first = right
      }
      if (isBefore(last, first)) break
      heap[index] = first
      index = child
    }
    heap[index] = last
  }
}

const isBefore = (a: Step, b: Step): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
