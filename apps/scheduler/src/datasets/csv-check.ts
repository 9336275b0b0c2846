/**
 * Reads a CSV file while it passes by: checks it and infers its schema, holding one record at a time.
 *
 * Problems are collected, up to a limit, so that a user mends a file in one go; only what makes the rest unreadable
 * (a quote that is not closed, a broken encoding) ends the reading. Line numbers are those of the file: a quoted cell
 * may span lines, and a record is named by the line it starts on.
 */
import type { DatasetColumn } from '@celeriac/core'
import { CsvError } from 'csv-parse'
import { ColumnTypeInference } from './column-type.ts'
import { datasetMalformed, type LineProblem } from './line-problem.ts'
import { RecordParser } from './record-parser.ts'
import { applyRename, type Rename } from './rename.ts'
import { TextCheck } from './text-check.ts'

export interface CsvSchema {
  readonly rows: number
  /** Under the names after renaming. */
  readonly columns: readonly DatasetColumn[]
}

const maxProblems = 20
const maxColumns = 10_000
const maxRecordBytes = 16 * 1_048_576
/** How much of the head the delimiter is guessed from. */
const headBytes = 65_536

/** Use: `write` every chunk in order, then `end`. Both throw VALIDATION_DATASET_MALFORMED. */
export class CsvCheck {
  readonly #rename: Rename
  readonly #text = new TextCheck()
  readonly #problems: LineProblem[] = []
  #parser: RecordParser | null = null
  #head: Buffer = Buffer.alloc(0)
  #header: readonly string[] | null = null
  #inferences: readonly ColumnTypeInference[] = []
  #rows = 0
  #fault: unknown = null

  constructor(rename: Rename) {
    this.#rename = rename
  }

  async write(chunk: Buffer): Promise<void> {
    const broken = this.#text.add(chunk)
    if (broken !== null) throw datasetMalformed([...this.#problems, broken])
    if (this.#parser !== null) return this.#feed(chunk)
    this.#head = Buffer.concat([this.#head, chunk])
    if (this.#head.length >= headBytes) await this.#feed(this.#head)
  }

  async end(): Promise<CsvSchema> {
    const broken = this.#text.end()
    if (broken !== null) throw datasetMalformed([...this.#problems, broken])
    if (this.#parser === null) await this.#feed(this.#head)
    const fault = await this.#open().finish()
    this.#fault ??= fault
    this.#throwFault()
    const header = this.#header
    if (header === null) throw datasetMalformed([{ line: null, message: 'the file is empty' }])
    if (this.#problems.length > 0) throw datasetMalformed(this.#problems)
    const names = applyRename(header, this.#rename)
    return {
      rows: this.#rows,
      columns: this.#inferences.map((inference, index) => inference.column(names[index] ?? '')),
    }
  }

  async #feed(chunk: Buffer): Promise<void> {
    const fault = await this.#open().feed(chunk)
    this.#fault ??= fault
    this.#throwFault()
  }

  #open(): RecordParser {
    this.#parser ??= new RecordParser(
      {
        bom: true,
        delimiter: delimiterOf(this.#head),
        relax_column_count: true,
        skip_empty_lines: true,
        max_record_size: maxRecordBytes,
      },
      (record, lines) => this.#onRecord(record, lines),
    )
    return this.#parser
  }

  #onRecord(record: readonly string[], lines: number): void {
    if (this.#header === null) {
      this.#onHeader(record)
      return
    }
    this.#rows++
    const { length } = this.#header
    if (record.length !== length) {
      const cells = record.length === 1 ? '1 cell' : `${record.length} cells`
      this.#report({ line: lines, message: `the row has ${cells}, the header has ${length}` })
      return
    }
    for (let index = 0; index < length; index++) this.#inferences[index]?.add(record[index] ?? '')
  }

  #onHeader(header: readonly string[]): void {
    this.#header = header
    this.#inferences = header.map(() => new ColumnTypeInference())
    if (header.length > maxColumns)
      this.#report({
        line: 1,
        message: `the header has ${header.length} columns, the limit is ${maxColumns}`,
      })
    const seen = new Map<string, number>()
    for (const [index, name] of header.entries()) {
      const position = index + 1
      const first = seen.get(name)
      if (name.trim() === '') this.#report({ line: 1, message: `column ${position} has no name` })
      else if (first === undefined) seen.set(name, position)
      else this.#report({ line: 1, message: `columns ${first} and ${position} are both named "${name}"` })
    }
    for (const message of this.#rename.faultsOf(header)) this.#report({ line: 1, message })
  }

  #report(problem: LineProblem): void {
    if (this.#fault !== null) return
    this.#problems.push(problem)
    if (this.#problems.length >= maxProblems) this.#fault ??= datasetMalformed(this.#problems)
  }

  #throwFault(): void {
    if (this.#fault === null) return
    this.#parser?.destroy()
    if (!(this.#fault instanceof CsvError)) throw this.#fault
    throw datasetMalformed([...this.#problems, problemOfCsvError(this.#fault)])
  }
}

const csvErrorTexts: Readonly<Partial<Record<string, string>>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quoted cell is not closed before the end of the file',
  INVALID_OPENING_QUOTE: 'a quote stands inside a cell that does not begin with one',
  CSV_INVALID_CLOSING_QUOTE: 'a closing quote is followed by something else than a delimiter',
  CSV_MAX_RECORD_SIZE: `the row is longer than ${maxRecordBytes} bytes; is a quote not closed?`,
}

function problemOfCsvError(error: CsvError): LineProblem {
  const { lines } = error as CsvError & { readonly lines?: number }
  return {
    line: typeof lines === 'number' ? lines : null,
    message: csvErrorTexts[error.code] ?? error.message,
  }
}

/** The one of , ; tab | that stands most often in the first line; a comma when none does. */
function delimiterOf(head: Buffer): string {
  const end = head.indexOf(0x0a)
  const line = head.toString('utf8', 0, end < 0 ? head.length : end).replaceAll(/"[^"]*"/g, '')
  const counts = [',', ';', '\t', '|'].map((mark) => ({ mark, count: line.split(mark).length }))
  return counts.reduce((best, candidate) => (candidate.count > best.count ? candidate : best)).mark
}
