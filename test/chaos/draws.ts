/** Repeatable draws: the same seed, the same numbers. */
export interface Draws {
  /** From 0 (included) to 1 (not included). */
  unit(): number
  between(from: number, to: number): number
  integer(from: number, to: number): number
  oneOf<T>(items: readonly T[]): T
}

/** mulberry32: small, and good enough to draw faults with. */
export function drawsOf(seed: number): Draws {
  let state = seed >>> 0
  const unit = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const integer = (from: number, to: number): number => from + Math.floor(unit() * (to - from + 1))
  return {
    unit,
    integer,
    between: (from, to) => from + unit() * (to - from),
    oneOf: <T>(items: readonly T[]): T => {
      const item = items[integer(0, items.length - 1)]
      if (item === undefined) throw new Error('nothing to draw from')
      return item
    },
  }
}
