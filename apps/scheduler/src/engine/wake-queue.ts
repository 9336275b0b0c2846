import type { EngineEvent, Instant } from '@celeriac/core'

export interface DueWake {
  readonly at: Instant
  readonly runId: string
  readonly event: EngineEvent
}

/** A priority queue of future events, earliest first: a binary heap. Stale entries stay in it until due. */
export class WakeQueue {
  readonly #heap: DueWake[] = []

  get size(): number {
    return this.#heap.length
  }

  /** When the earliest entry is due; null when empty. */
  nextAt(): Instant | null {
    return this.#heap[0]?.at ?? null
  }

  add(wake: DueWake): void {
    const heap = this.#heap
    let index = heap.push(wake) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (this.#at(parent) <= wake.at) break
      this.#swap(index, parent)
      index = parent
    }
  }

  /** Removes and returns all that is due at `now`, in order. */
  takeDue(now: Instant): DueWake[] {
    const due: DueWake[] = []
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      due.push(first)
      this.#removeFirst()
    }
    return due
  }

  #removeFirst(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    this.#heap[0] = last
    let index = 0
    for (;;) {
      const left = 2 * index + 1
      const right = left + 1
      let smallest = index
      if (this.#at(left) < this.#at(smallest)) smallest = left
      if (this.#at(right) < this.#at(smallest)) smallest = right
      if (smallest === index) return
      this.#swap(index, smallest)
      index = smallest
    }
  }

  #at(index: number): Instant {
    return this.#heap[index]?.at ?? Infinity
  }

  #swap(a: number, b: number): void {
    const first = this.#heap[a]
    const second = this.#heap[b]
    if (first === undefined || second === undefined) return
    this.#heap[a] = second
    this.#heap[b] = first
  }
}
