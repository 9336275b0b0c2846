/** A queue with both ends open, in a ring that doubles when full: every operation is O(1), amortised. */
export class Deque<T> {
  #ring = emptyRing<T>(16)
  #head = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  pushBack(item: T): void {
    if (this.#size === this.#ring.length) this.#grow()
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = item
    this.#size++
  }

  pushFront(item: T): void {
    if (this.#size === this.#ring.length) this.#grow()
    this.#head = (this.#head - 1) & (this.#ring.length - 1)
    this.#ring[this.#head] = item
    this.#size++
  }

  /** The item at the front, left in place. */
  peek(): T | undefined {
    return this.#size === 0 ? undefined : this.#ring[this.#head]
  }

  /** The item so many places behind the front, left in place. */
  at(offset: number): T | undefined {
    return offset < 0 || offset >= this.#size
      ? undefined
      : this.#ring[(this.#head + offset) & (this.#ring.length - 1)]
  }

  popFront(): T | undefined {
    if (this.#size === 0) return undefined
    const item = this.#ring[this.#head]
    this.#ring[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#size--
    return item
  }

  clear(): void {
    this.#ring = emptyRing(16)
    this.#head = 0
    this.#size = 0
  }

  *[Symbol.iterator](): Generator<T> {
    for (let offset = 0; offset < this.#size; offset++)
      yield this.#ring[(this.#head + offset) & (this.#ring.length - 1)] as T
  }

  #grow(): void {
    const ring = emptyRing<T>(this.#ring.length * 2)
    for (let offset = 0; offset < this.#size; offset++)
      ring[offset] = this.#ring[(this.#head + offset) & (this.#ring.length - 1)]
    this.#ring = ring
    this.#head = 0
  }
}

const emptyRing = <T>(length: number): (T | undefined)[] => Array.from<T | undefined>({ length })
