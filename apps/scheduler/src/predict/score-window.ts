import type { Instant } from '@celeriac/core'

/** How far back it looks, in milliseconds. */
export const windowMs = 24 * 3_600_000
const slices = 48
const sliceMs = windowMs / slices

/** How often each bin was hit in the last 24 hours, in slices of half an hour: what is older leaves a slice at a time. */
export class ScoreWindow {
  readonly #bins: number
  readonly #counts: Float64Array
  /** Number of the half-hour since the epoch that each place holds. */
  readonly #held: number[] = Array.from({ length: slices }, () => -1)

  constructor(bins: number) {
    this.#bins = bins
    this.#counts = new Float64Array(bins * slices)
  }

  add(bin: number, now: Instant): void {
    const slice = Math.floor(now / sliceMs)
    const place = slice % slices
    const start = place * this.#bins
    if (this.#held[place] !== slice) {
      this.#held[place] = slice
      this.#counts.fill(0, start, start + this.#bins)
    }
    this.#counts[start + bin] = (this.#counts[start + bin] ?? 0) + 1
  }

  /** Of each bin. */
  counts(now: Instant): readonly number[] {
    const oldest = Math.floor(now / sliceMs) - slices
    const places = this.#held.flatMap((slice, place) => (slice > oldest ? [place * this.#bins] : []))
    return Array.from({ length: this.#bins }, (_, bin) =>
      places.reduce((sum, start) => sum + (this.#counts[start + bin] ?? 0), 0),
    )
  }
}
