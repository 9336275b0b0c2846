import { maxPredictRows, type Cell, type ModelSignature, type SignatureColumn } from '@celeriac/contracts'
import { parse } from 'csv-parse/sync'
import { Problems } from '../problems.ts'
import { checkColumns, type InvocationRows } from './invocation-rows.ts'

/** What pandas reads as a missing value, where it cannot be a value itself. */
const missing = new Set(['', 'NaN', 'nan', 'NA', 'N/A', 'null', 'NULL', 'None'])
const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

/**
 * Rows of a CSV text with a header, each cell of the type that the model wants for its column. What is not of that type
 * stays text, so that the check of the rows says where it is. Throws VALIDATION_BODY_INVALID.
 */
export function csvRows(text: string, { inputs }: Pick<ModelSignature, 'inputs'>): InvocationRows {
  const problems = new Problems()
  const [columns = [], ...records] = recordsOf(text, problems)
  checkColumns(columns, 'body.header', problems)
  if (problems.count === 0 && (records.length === 0 || records.length > maxPredictRows))
    problems.add('body', `a header and 1 to ${maxPredictRows} rows are expected`)
  problems.throwIfAny('the body is not CSV that the model can be asked with')
  const types = columns.map((name) => inputs.find((input) => input.name === name)?.type)
  return { columns, rows: records.map((record) => record.map((cell, index) => cellOf(cell, types[index]))) }
}

function recordsOf(text: string, problems: Problems): readonly (readonly string[])[] {
  try {
    return parse(text, { bom: true, skipEmptyLines: true, to: maxPredictRows + 2 }) as string[][]
  } catch (error) {
    problems.add('body', error instanceof Error ? error.message.slice(0, 200) : 'is not CSV')
    return []
  }
}

function cellOf(cell: string, type: SignatureColumn['type'] | undefined): Cell {
  if (type === 'string' || type === undefined) return cell === '' ? null : cell
  const text = cell.trim()
  if (missing.has(text)) return null
  if (type === 'number') return decimal.test(text) ? Number(text) : cell
  if (type === 'boolean') return /^true$/i.test(text) ? true : /^false$/i.test(text) ? false : cell
  return text
}
