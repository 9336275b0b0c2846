/** Celery's logical clock: orders the events of a cluster. Nodes take over the highest value they hear of. */
export class LamportClock {
  #value = 0

  get value(): number {
    return this.#value
  }

  forward(): number {
    return ++this.#value
  }

  adjust(heard: number): void {
    if (Number.isSafeInteger(heard)) this.#value = Math.max(this.#value, heard) + 1
  }
}
