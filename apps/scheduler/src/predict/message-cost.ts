/**
 * What scoring a message costs whatever its rows are: of a model that takes `fixed + n × per row`, the first part. It is
 * what many rows in a message save; rows that only add up gain nothing by waiting for each other.
 *
 * Means are kept by size, each size twice the one before, and a line is laid through the smallest and the largest. They
 * stay when only one size is left: under load all messages have much the same rows.
 */
interface Mean {
  rows: number
  ms: number
}

/** Of a message in the mean of its size. What is quicker counts for more: the machine can only make it slower. */
const [quickerWeight, slowerWeight] = [1 / 2, 1 / 8]

export class MessageCost {
  /** By the binary logarithm of the rows. */
  readonly #means: (Mean | undefined)[] = []
  #lastRows = 0
  #lastMs = 0

  /**
   * To be told with each answer; those of one message come one after the other, and count once.
   *
   * @param rows of the whole message
   * @param ms of the whole message
   */
  add(rows: number, ms: number): void {
    if (rows === this.#lastRows && ms === this.#lastMs) return
    this.#lastRows = rows
    this.#lastMs = ms
    const size = 31 - Math.clz32(Math.max(1, rows))
    const mean = this.#means[size]
    if (mean === undefined) {
      this.#means[size] = { rows, ms }
      return
    }
    const weight = ms < mean.ms ? quickerWeight : slowerWeight
    mean.rows += (rows - mean.rows) * weight
    mean.ms += (ms - mean.ms) * weight
  }

  /** In milliseconds. As long as there is one size, all of it: nothing says that fewer rows would take less. */
  get fixedMs(): number {
    const known = this.#means.filter((mean) => mean !== undefined)
    const [least, most] = [known[0], known.at(-1)]
    if (least === undefined || most === undefined) return 0
    if (least === most) return least.ms
    const perRow = Math.max(0, (most.ms - least.ms) / (most.rows - least.rows))
    return Math.min(most.ms, Math.max(0, least.ms - perRow * least.rows))
  }
}
