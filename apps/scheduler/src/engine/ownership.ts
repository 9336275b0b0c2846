/**
 * Which partitions this scheduler owns.
 *
 * RabbitMQ decides: each partition's event queue has a single active consumer. The active consumer is not told so; it
 * finds out by receiving something. Schedulers therefore send a short-lived probe to every partition that they do not
 * own, once a second: whoever receives a probe (or anything else) on a partition that it does not own takes it over.
 *
 *   unowned ── delivery ──▶ claimed (epoch + 1 in the database) ──▶ runs loaded ──▶ owned
 *      ▲                                                                              │
 *      └──────── consumer lost · fenced by a newer epoch · handed over ◀──────────────┘
 *
 * The epoch fences: a scheduler that was stopped, cut off or slow and still believes that it owns the partition writes
 * under an old epoch, and the database refuses the whole batch.
 */
export class Ownership {
  readonly #epochs = new Map<number, number>()
  readonly #terms = new Map<number, number>()

  owns(partition: number): boolean {
    return this.#epochs.has(partition)
  }

  /** The epoch under which the partition is owned; −1 (never valid) when it is not. */
  epochOf(partition: number): number {
    return this.#epochs.get(partition) ?? -1
  }

  owned(): number[] {
    return [...this.#epochs.keys()].toSorted((a, b) => a - b)
  }

  gain(partition: number, epoch: number): void {
    this.#epochs.set(partition, epoch)
  }

  /** Which subscription of the partition it is. What came by an earlier one belongs to whoever is active since. */
  termOf(partition: number): number {
    return this.#terms.get(partition) ?? 0
  }

  /** The consumer of the partition is gone. */
  endTerm(partition: number): void {
    this.#terms.set(partition, this.termOf(partition) + 1)
  }

  lose(partition: number): boolean {
    return this.#epochs.delete(partition)
  }
}
