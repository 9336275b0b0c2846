/**
 * Counts by two labels, in plain numbers. The metrics library spends more on one count than the engine on the event that
 * is counted, so it is given sums, when somebody looks.
 */
export class Tally<First extends string, Second extends string> {
  readonly #counts = new Map<First, Map<Second, number>>()

  add(first: First, second: Second): void {
    let counts = this.#counts.get(first)
    if (counts === undefined) this.#counts.set(first, (counts = new Map()))
    counts.set(second, (counts.get(second) ?? 0) + 1)
  }

  /** Hands out what was counted since the last time. */
  take(hand: (first: First, second: Second, count: number) => void): void {
    for (const [first, counts] of this.#counts)
      for (const [second, count] of counts) hand(first, second, count)
    this.#counts.clear()
  }
}
