/** What the footer of a Parquet file says about its table, in the terms of a data set. Pure. */
import type { DatasetColumn } from '@celeriac/core'
import type { ParquetChunk, ParquetElement, ParquetFooter } from './parquet-footer.ts'
import { applyRename, type Rename } from './rename.ts'

const maxColumns = 10_000
const maxProblems = 20

/** The columns of a flat table: all elements of the schema behind its root. */
const elementsOf = ({ schema }: ParquetFooter): readonly ParquetElement[] => schema.slice(1)

/** What makes the file useless to operators, in words for its sender; none = well. `bytes` is the size of the file. */
export function problemsOfParquet(footer: ParquetFooter, bytes: number, rename: Rename): readonly string[] {
  const elements = elementsOf(footer)
  if (elements.length === 0) return ['the Parquet file has no columns']
  if (elements.length > maxColumns)
    return [`the file has ${elements.length} columns, the limit is ${maxColumns}`]
  const nested = elements.filter(isNested)
  if (nested.length > 0)
    return nested
      .slice(0, maxProblems)
      .map(({ name }) => `column "${name}" is nested; operators work on plain columns`)
  return [
    ...nameProblems(elements),
    ...rename.faultsOf(namesOf(elements)),
    ...layoutProblems(footer, bytes),
  ].slice(0, maxProblems)
}

const namesOf = (elements: readonly ParquetElement[]): readonly string[] => elements.map(({ name }) => name)

const isNested = ({ type, num_children: children, repetition_type: repetition }: ParquetElement): boolean =>
  type === undefined || (children ?? 0) > 0 || repetition === 'REPEATED'

function nameProblems(elements: readonly ParquetElement[]): string[] {
  const problems: string[] = []
  const seen = new Map<string, number>()
  for (const [index, { name }] of elements.entries()) {
    const position = index + 1
    const first = seen.get(name)
    if (name.trim() === '') problems.push(`column ${position} has no name`)
    else if (first === undefined) seen.set(name, position)
    else problems.push(`columns ${first} and ${position} are both named "${name}"`)
  }
  return problems
}

/** A footer that belongs to other bytes: of another file, or of this one before a part in the middle was lost. */
function layoutProblems(footer: ParquetFooter, bytes: number): string[] {
  const columns = elementsOf(footer).length
  const end = bytes - footer.metadata_length - 8
  let rows = 0n
  for (const group of footer.row_groups) {
    rows += group.num_rows
    if (group.columns.length !== columns) return ['the Parquet file is damaged: a row group lacks columns']
    for (const { meta_data: chunk } of group.columns) {
      if (chunk === undefined) return ['the Parquet file keeps columns in other files']
      if (!isWithin(chunk, BigInt(end)))
        return ['the Parquet file is damaged: its footer names bytes that it does not have']
    }
  }
  return rows === footer.num_rows
    ? []
    : ['the Parquet file is damaged: its row groups and its number of rows disagree']
}

function isWithin(chunk: ParquetChunk, end: bigint): boolean {
  // A column without rows may name any place.
  if (chunk.num_values === 0n) return true
  const { data_page_offset: data, dictionary_page_offset: dictionary = 0n } = chunk
  const start = dictionary > 0n && dictionary < data ? dictionary : data
  return start >= 4n && start + chunk.total_compressed_size <= end
}

/** Rows and columns of a file without problems. */
export function schemaOfParquet(
  footer: ParquetFooter,
  rename: Rename,
): { readonly rows: number; readonly columns: readonly DatasetColumn[] } {
  const elements = elementsOf(footer)
  const names = applyRename(namesOf(elements), rename)
  return {
    rows: Number(footer.num_rows),
    columns: elements.map((element, index) => ({
      name: names[index] ?? element.name,
      type: typeOf(element),
      nulls: nullsOf(footer, element, index),
    })),
  }
}

/** Null when a piece of the column has no statistics. */
function nullsOf(footer: ParquetFooter, element: ParquetElement, index: number): number | null {
  if (element.repetition_type === 'REQUIRED') return 0
  if (element.logical_type?.type === 'NULL') return Number(footer.num_rows)
  let nulls = 0
  for (const { columns, num_rows: rows } of footer.row_groups) {
    const missing = rows === 0n ? 0n : columns[index]?.meta_data?.statistics?.null_count
    if (missing === undefined) return null
    nulls += Number(missing)
  }
  return nulls
}

/** Where nothing else is said of a column than how it is stored. Bytes are text to operators. */
const storedTypes: Readonly<Partial<Record<string, DatasetColumn['type']>>> = {
  BOOLEAN: 'boolean',
  INT32: 'integer',
  INT64: 'integer',
  INT96: 'datetime',
  FLOAT: 'number',
  DOUBLE: 'number',
}

/** As operators see it: times of day and UUIDs are text to them. */
function typeOf({
  type,
  converted_type: converted,
  logical_type: logical,
}: ParquetElement): DatasetColumn['type'] {
  const said = logical?.type ?? converted ?? ''
  if (said === 'DATE') return 'date'
  if (said.startsWith('TIMESTAMP')) return 'datetime'
  if (said === 'DECIMAL' || said === 'FLOAT16') return 'number'
  if (said.startsWith('TIME') || said === 'NULL') return 'string'
  return storedTypes[type ?? ''] ?? 'string'
}
