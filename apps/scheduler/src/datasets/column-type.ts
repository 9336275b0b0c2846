import type { DatasetColumn } from '@celeriac/core'

type ColumnType = DatasetColumn['type']

/** Cells that count as missing: the default of `algo_local_read_file`, so that both see the same table. */
const nullTokens: ReadonlySet<string> = new Set([
  '',
  'NA',
  'N/A',
  'NaN',
  'nan',
  'null',
  'NULL',
  'None',
  '\\N',
])

const integerPattern = /^[+-]?\d{1,18}$/
const numberPattern = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?inf(inity)?$/i
const booleanPattern = /^(true|false)$/i
const datePattern = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/
const dateTimePattern =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/

const patterns: Readonly<Record<Exclude<ColumnType, 'string'>, RegExp>> = {
  integer: integerPattern,
  number: numberPattern,
  boolean: booleanPattern,
  date: datePattern,
  datetime: dateTimePattern,
}

/** What a type becomes when a cell does not fit it. Every step keeps the cells seen so far. */
const widerType: Readonly<Record<Exclude<ColumnType, 'string'>, ColumnType>> = {
  integer: 'number',
  number: 'string',
  boolean: 'string',
  date: 'datetime',
  datetime: 'string',
}

const narrowestFirst = ['integer', 'number', 'boolean', 'date', 'datetime'] as const

/** The type of a column, from its cells one after the other: the narrowest that fits all that are not missing. */
export class ColumnTypeInference {
  #type: ColumnType | null = null
  #nulls = 0

  add(cell: string): void {
    // Nearly every cell is like those before it, and what fits a pattern is no missing one.
    if (this.#type !== null && this.#type !== 'string' && patterns[this.#type].test(cell)) return
    const text = cell.trim()
    if (nullTokens.has(text)) {
      this.#nulls++
      return
    }
    this.#type ??= narrowestFirst.find((type) => patterns[type].test(text)) ?? 'string'
    while (this.#type !== 'string' && !patterns[this.#type].test(text)) this.#type = widerType[this.#type]
  }

  column(name: string): DatasetColumn {
    return { name, type: this.#type ?? 'string', nulls: this.#nulls }
  }
}
