/** What a batch of n rows costs: `perRowMs` · n + `perBatchMs`. */
export interface CostLine {
  readonly perRowMs: number
  readonly perBatchMs: number
}

/** A batch that was scored. */
export interface BatchSample {
  readonly rows: number
  readonly elapsedMs: number
  /** How long its newest request had waited for a process; a warm-up waits for none. */
  readonly waitMs: number
}

/** Batches that the line is drawn through. */
const keptSamples = 50
const refitEveryMs = 5_000
/** Fewer say too little: the line is drawn anew with each of them. */
const earlySamples = 8

/**
 * Least squares; no negative slope or intercept, since more rows never cost less and no batch is free. Batches of one
 * size tell nothing about the slope: all of their cost is then the batch's.
 */
export function fitCostLine(samples: readonly Pick<BatchSample, 'rows' | 'elapsedMs'>[]): CostLine {
  const count = samples.length
  if (count === 0) return { perRowMs: 0, perBatchMs: 0 }
  const meanRows = samples.reduce((sum, { rows }) => sum + rows, 0) / count
  const meanMs = samples.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0) / count
  let covariance = 0
  let variance = 0
  for (const { rows, elapsedMs } of samples) {
    covariance += (rows - meanRows) * (elapsedMs - meanMs)
    variance += (rows - meanRows) ** 2
  }
  const slope = variance === 0 ? 0 : Math.max(0, covariance / variance)
  const intercept = meanMs - slope * meanRows
  // Through the origin, when the best line starts below it.
  if (intercept < 0) return { perRowMs: meanMs / meanRows, perBatchMs: 0 }
  return { perRowMs: slope, perBatchMs: intercept }
}

/** What the batches of one model cost, and how long requests wait for theirs: learnt from the last ones. */
export class BatchCosts {
  readonly #samples: BatchSample[] = []
  #line: CostLine = { perRowMs: 0, perBatchMs: 0 }
  #meanWaitMs = 0
  #fittedAtMs = Number.NEGATIVE_INFINITY

  get line(): CostLine {
    return this.#line
  }

  get meanWaitMs(): number {
    return this.#meanWaitMs
  }

  /** `nowMs`: of a clock that does not jump. */
  record(sample: BatchSample, nowMs: number): void {
    this.#samples.push(sample)
    if (this.#samples.length > keptSamples) this.#samples.shift()
    if (this.#samples.length > earlySamples && nowMs - this.#fittedAtMs < refitEveryMs) return
    this.#fittedAtMs = nowMs
    this.#line = fitCostLine(this.#samples)
    this.#meanWaitMs = this.#samples.reduce((sum, { waitMs }) => sum + waitMs, 0) / this.#samples.length
  }
}
