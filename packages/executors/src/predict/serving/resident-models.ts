interface Resident<T> {
  readonly value: T
  readonly bytes: number
}

export interface ResidencyLimits {
  readonly maxBytes: number
  readonly maxCount: number
}

/**
 * Models in the memory of one process, in the order of their last use. What has to go is the least recently used; of
 * those that traffic is routed to or somebody waits for (`isHeld`), only when nothing else is left. The newest stays even
 * if it alone is larger than the limit: a model that cannot be loaded at all would serve nobody.
 */
export class ResidentModels<T> {
  readonly #limits: ResidencyLimits
  readonly #models = new Map<string, Resident<T>>()
  #bytes = 0

  constructor(limits: ResidencyLimits) {
    this.#limits = limits
  }

  get count(): number {
    return this.#models.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get uris(): readonly string[] {
    return [...this.#models.keys()]
  }

  has(uri: string): boolean {
    return this.#models.has(uri)
  }

  bytesOf(uri: string): number | undefined {
    return this.#models.get(uri)?.bytes
  }

  /** The model, which counts as used now. */
  use(uri: string): T | undefined {
    const resident = this.#models.get(uri)
    if (resident === undefined) return undefined
    this.#models.delete(uri)
    this.#models.set(uri, resident)
    return resident.value
  }

  hasRoomFor(bytes: number): boolean {
    const { maxBytes, maxCount } = this.#limits
    return this.#bytes + bytes <= maxBytes && this.#models.size < maxCount
  }

  add(uri: string, value: T, bytes: number): void {
    this.remove(uri)
    this.#models.set(uri, { value, bytes })
    this.#bytes += bytes
  }

  remove(uri: string): boolean {
    const resident = this.#models.get(uri)
    if (resident === undefined) return false
    this.#models.delete(uri)
    this.#bytes -= resident.bytes
    return true
  }

  /** Removes what has to go, so that another model of about `incomingBytes` (0: none) fits; tells what went. */
  evict(isHeld: (uri: string) => boolean, incoming: { readonly bytes: number } | null): readonly string[] {
    const { maxBytes, maxCount } = this.#limits
    const evicted: string[] = []
    const isOver = (): boolean =>
      this.#bytes + (incoming?.bytes ?? 0) > maxBytes ||
      this.#models.size + (incoming === null ? 0 : 1) > maxCount
    const byUse = [...this.#models.keys()]
    // Without a newcomer the last one used is the newest: it stays.
    if (incoming === null) byUse.pop()
    for (const uri of [...byUse.filter((each) => !isHeld(each)), ...byUse.filter(isHeld)]) {
      if (!isOver()) break
      this.remove(uri)
      evicted.push(uri)
    }
    return evicted
  }
}
