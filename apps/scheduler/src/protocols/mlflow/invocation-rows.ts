import { maxPredictRows, mlflowFormats, type GivenRow, type MlflowBody } from '@celeriac/contracts'
import { Problems } from '../problems.ts'

/** Rows as the gateway takes them; `columns` names the places of lists, null: the order of the signature. */
export interface InvocationRows {
  readonly rows: readonly GivenRow[]
  readonly columns: readonly string[] | null
}

/** The rows of a JSON body, whichever of the formats it has. Throws VALIDATION_BODY_INVALID with every problem. */
export function invocationRows(body: MlflowBody): InvocationRows {
  const problems = new Problems()
  const found = rowsOf(body, problems)
  const format = mlflowFormats.find((each) => body[each] !== undefined) ?? 'inputs'
  const { length } = found.rows
  if (problems.count === 0 && (length === 0 || length > maxPredictRows))
    problems.add(`body.${format}`, `1 to ${maxPredictRows} rows are expected, got ${length}`)
  problems.throwIfAny('the body does not fit its schema')
  return found
}

function rowsOf(
  { dataframe_split: split, dataframe_records: records, instances, inputs }: MlflowBody,
  problems: Problems,
): InvocationRows {
  if (split !== undefined) {
    checkColumns(split.columns, 'body.dataframe_split.columns', problems)
    return { rows: split.data, columns: split.columns }
  }
  if (records !== undefined) return { rows: records, columns: null }
  if (instances !== undefined) return { rows: listedRows(instances), columns: null }
  if (Array.isArray(inputs)) return { rows: listedRows(inputs), columns: null }
  return columnRows(inputs ?? {}, problems)
}

/** Entries that are no rows by themselves are those of a model with one input. */
const listedRows = (entries: readonly unknown[]): readonly GivenRow[] =>
  entries.map((entry) => (typeof entry === 'object' && entry !== null ? (entry as GivenRow) : [entry]))

function columnRows(
  byName: Readonly<Record<string, readonly unknown[]>>,
  problems: Problems,
): InvocationRows {
  const columns = Object.keys(byName)
  if (areTooMany(columns, 'body.inputs', problems)) return { rows: [], columns }
  const lists = Object.values(byName)
  const count = lists[0]?.length ?? 0
  for (const [index, list] of lists.entries())
    if (list.length !== count)
      problems.add(
        `body.inputs.${columns[index]}`,
        `${count} values are expected, as in "${columns[0]}", got ${list.length}`,
      )
  // Rows of columns of different lengths would be larger than the body by far.
  if (problems.count > 0) return { rows: [], columns }
  const rows = Array.from({ length: Math.min(count, maxPredictRows + 1) }, (_, row) =>
    lists.map((list) => single(list[row])),
  )
  return { rows, columns }
}

/** Columns of shape [n, 1] are columns too. */
const single = (value: unknown): unknown => (Array.isArray(value) && value.length === 1 ? value[0] : value)

/** A column that is named twice would be taken from one place, and nobody could say which. */
export function checkColumns(columns: readonly string[], path: string, problems: Problems): void {
  if (areTooMany(columns, path, problems)) return
  const seen = new Set<string>()
  for (const [index, name] of columns.entries())
    if (seen.has(name)) problems.add(`${path}.${index}`, `"${name}" is given twice`)
    else seen.add(name)
}

/** As many as the Open Inference Protocol may name: no model has more inputs. */
const mostColumns = 5_000

function areTooMany({ length }: readonly string[], path: string, problems: Problems): boolean {
  if (length > mostColumns) problems.add(path, `at most ${mostColumns} columns are expected, got ${length}`)
  return length > mostColumns
}
