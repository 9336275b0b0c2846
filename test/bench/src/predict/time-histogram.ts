/** In milliseconds. */
export interface TimeFigures {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** Steps of 0.1 ms up to 20 s: millions of times in a fixed piece of memory. */
const stepMs = 0.1
const steps = 200_000

/** Times in milliseconds, to a tenth of one. */
export class TimeHistogram {
  readonly #counts = new Uint32Array(steps)
  #count = 0
  #max = 0

  add(ms: number): void {
    this.#count++
    if (ms > this.#max) this.#max = ms
    const step = Math.min(steps - 1, Math.max(0, Math.floor(ms / stepMs)))
    this.#counts[step] = (this.#counts[step] ?? 0) + 1
  }

  get figures(): TimeFigures {
    return { p50: this.#quantile(0.5), p99: this.#quantile(0.99), max: Number(this.#max.toFixed(1)) }
  }

  #quantile(share: number): number {
    let left = Math.ceil(this.#count * share)
    const step = this.#counts.findIndex((count) => (left -= count) <= 0)
    return Number(((step + 1) * stepMs).toFixed(1))
  }
}
