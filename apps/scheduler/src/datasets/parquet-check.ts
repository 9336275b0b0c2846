import { datasetMalformed } from './line-problem.ts'

const magic = Buffer.from('PAR1')
/** Magic, at least an empty footer with its length, magic. */
const leastBytes = 12

/** True for bytes that begin a Parquet file. */
export const looksLikeParquet = (head: Buffer): boolean => head.subarray(0, 4).equals(magic)

/**
 * Watches a Parquet file pass by and checks its frame: the magic bytes at both ends. That catches files that are cut
 * off or something else; schema and rows are read by the operators, so a data set of this format lists no columns.
 */
export class ParquetCheck {
  #head: Buffer = Buffer.alloc(0)
  #tail: Buffer = Buffer.alloc(0)
  #bytes = 0

  write(chunk: Buffer): Promise<void> {
    this.#bytes += chunk.length
    if (this.#head.length < 4) this.#head = Buffer.concat([this.#head, chunk.subarray(0, 4)]).subarray(0, 4)
    this.#tail = Buffer.from(Buffer.concat([this.#tail, chunk.subarray(-4)]).subarray(-4))
    return Promise.resolve()
  }

  end(): Promise<{ readonly rows: null; readonly columns: readonly [] }> {
    const isWhole = this.#bytes >= leastBytes && looksLikeParquet(this.#head) && looksLikeParquet(this.#tail)
    if (isWhole) return Promise.resolve({ rows: null, columns: [] })
    const message = looksLikeParquet(this.#head)
      ? 'the Parquet file is cut off: its footer is missing'
      : 'the file is not Parquet: it does not begin with PAR1'
    return Promise.reject(datasetMalformed([{ line: null, message }]))
  }
}
