import type { DatasetColumn } from '@celeriac/core'
import type { WrittenFile } from './dataset-files.ts'
import { datasetMalformed } from './line-problem.ts'
import { decodeParquetFooter, type ParquetFooter } from './parquet-footer.ts'
import { problemsOfParquet, schemaOfParquet } from './parquet-schema.ts'
import type { Rename } from './rename.ts'

const magic = Buffer.from('PAR1')
const encryptedMagic = Buffer.from('PARE')
/** Behind the footer: its length in four bytes, magic. */
const trailerBytes = 8
/** Magic, an empty footer, its length, magic. */
const leastBytes = magic.length + trailerBytes
/** A footer is held in memory as a whole. Ten thousand columns in ten row groups take about as much. */
const mostFooterBytes = 16 * 1_048_576

/** True for bytes that begin a Parquet file. */
export const looksLikeParquet = (head: Buffer): boolean => head.subarray(0, 4).equals(magic)

export interface ParquetSchema {
  readonly rows: number
  /** Under the names after renaming. */
  readonly columns: readonly DatasetColumn[]
}

/**
 * Checks a Parquet file: while it passes by, that it begins as one; when all of it is there, its footer, which names
 * columns, rows and where each piece lies. The pieces themselves are read by the operators. Throws
 * VALIDATION_DATASET_MALFORMED.
 */
export class ParquetCheck {
  readonly #rename: Rename
  #head: Buffer = Buffer.alloc(0)

  constructor(rename: Rename) {
    this.#rename = rename
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#head.length >= magic.length) return
    this.#head = Buffer.concat([this.#head, chunk.subarray(0, magic.length)]).subarray(0, magic.length)
    // A sender of something else learns it at once, not after the upload.
    if (this.#head.length === magic.length && !looksLikeParquet(this.#head)) throw malformed(notParquet)
  }

  async end(file: WrittenFile): Promise<ParquetSchema> {
    if (!looksLikeParquet(this.#head)) throw malformed(notParquet)
    const footer = await readFooter(file)
    const problems = problemsOfParquet(footer, file.bytes, this.#rename)
    if (problems.length > 0) throw malformed(...problems)
    return schemaOfParquet(footer, this.#rename)
  }
}

const notParquet = 'the file is not Parquet: it does not begin with PAR1'
const cutOff = 'the Parquet file is cut off: its footer is missing'

async function readFooter(file: WrittenFile): Promise<ParquetFooter> {
  if (file.bytes < leastBytes) throw malformed(cutOff)
  const trailer = await file.read(file.bytes - trailerBytes, trailerBytes)
  if (trailer.subarray(4).equals(encryptedMagic)) throw malformed('the Parquet file is encrypted')
  if (!looksLikeParquet(trailer.subarray(4))) throw malformed(cutOff)
  const length = trailer.readUInt32LE(0)
  if (length === 0 || length > file.bytes - leastBytes)
    throw malformed(`the Parquet file is damaged: its footer would have ${length} bytes`)
  if (length > mostFooterBytes)
    throw malformed(`the footer of the Parquet file has ${length} bytes, the limit is ${mostFooterBytes}`)
  const footer = await file.read(file.bytes - trailerBytes - length, length + trailerBytes)
  const decoded = decodeParquetFooter(footer)
  if (decoded === null) throw malformed('the Parquet file is damaged: its footer cannot be read')
  return decoded
}

const malformed = (...messages: readonly string[]) =>
  datasetMalformed(messages.map((message) => ({ line: null, message })))
