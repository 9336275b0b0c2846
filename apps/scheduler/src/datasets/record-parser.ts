import { Parser, type Options } from 'csv-parse'

/** Called for each record in order, while the bytes that end it are being written. */
export type OnRecord = (record: readonly string[], lines: number) => void

/**
 * csv-parse without its readable side: a record is handed over where it would be queued, with the number of lines read
 * so far. The library's own way to that number (`info: true`) copies all it knows for each record, and halves the speed.
 */
export class RecordParser extends Parser {
  readonly #onRecord: OnRecord

  constructor(options: Options, onRecord: OnRecord) {
    super(options)
    this.#onRecord = onRecord
    // Whoever writes learns of a fault there; without a listener it would end the process besides.
    this.on('error', () => undefined)
    this.resume()
  }

  override push(record: unknown): boolean {
    if (record === null) return super.push(null)
    this.#onRecord(record as string[], this.info.lines)
    return true
  }

  /** Parses a chunk. Resolves with the fault that ended the reading, or null. */
  feed(chunk: Buffer): Promise<Error | null> {
    return new Promise((resolve) => this.write(chunk, (error) => resolve(error ?? null)))
  }

  /** Parses what is left. As {@link feed}. */
  finish(): Promise<Error | null> {
    return new Promise((resolve) => {
      this.once('error', resolve).once('end', () => resolve(null))
      this.end()
    })
  }
}
