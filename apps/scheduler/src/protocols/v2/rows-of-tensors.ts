import { maxPredictRows, nearestName, type GivenRow, type ModelSignature } from '@celeriac/contracts'
import type { Problems } from '../problems.ts'
import type { Tensor } from './tensors.ts'

/** Rows as lists; `columns` names their places, null: the order of the signature. */
export interface TensorRows {
  readonly rows: readonly GivenRow[]
  readonly columns: readonly string[] | null
}

/**
 * The rows that a request's tensors hold: of one `[n, f]` in the order of the signature, whatever it is called, or of one
 * `[n]` or `[n, 1]` per column. What is wrong is added to `problems`, and no rows come back.
 */
export function rowsOfTensors(
  tensors: readonly Tensor[],
  { inputs }: Pick<ModelSignature, 'inputs'>,
  problems: Problems,
): TensorRows {
  const [first] = tensors
  const none = { rows: [], columns: null }
  if (first === undefined) return none
  const isTable = tensors.length === 1 && inputs.length > 1 && first.shape.length === 2
  const count = first.shape[0] ?? 0
  if (count === 0 || count > maxPredictRows) {
    problems.add('inputs[0].shape', `1 to ${maxPredictRows} rows are expected, got ${count}`)
    return none
  }
  return isTable && first.shape[1] !== 1
    ? fromTable(first, inputs, problems)
    : fromColumns(tensors, inputs, problems)
}

function fromTable(
  { shape, values }: Tensor,
  inputs: ModelSignature['inputs'],
  problems: Problems,
): TensorRows {
  const [count = 0, width = 0] = shape
  if (width !== inputs.length) {
    problems.add('inputs[0].shape', `${width} columns, but the model has ${inputs.length} inputs`)
    return { rows: [], columns: null }
  }
  const rows = Array.from({ length: count }, (_, row) => values.slice(row * width, (row + 1) * width))
  return { rows, columns: null }
}

function fromColumns(
  tensors: readonly Tensor[],
  inputs: ModelSignature['inputs'],
  problems: Problems,
): TensorRows {
  const known = inputs.map(({ name }) => name)
  const [only] = inputs
  // A model of one input leaves no doubt, whatever the tensor is called.
  const isUnnamed = tensors.length === 1 && inputs.length === 1
  const columns = tensors.map(({ name }) => (isUnnamed && only !== undefined ? only.name : name))
  const count = tensors[0]?.shape[0] ?? 0
  for (const [index, { shape }] of tensors.entries()) {
    const name = columns[index] ?? ''
    const path = `inputs[${index}]`
    // To find out what was meant costs more than to read it.
    if (problems.isFull) break
    if (!known.includes(name)) problems.add(`${path}.name`, unknownName(name, known))
    else if (columns.indexOf(name) !== index) problems.add(`${path}.name`, `"${name}" is given twice`)
    const isColumn = shape.length === 1 || (shape.length === 2 && shape[1] === 1)
    if (!isColumn || shape[0] !== count)
      problems.add(`${path}.shape`, `[${count}] or [${count}, 1] is expected, got [${shape.join(', ')}]`)
  }
  const missing = inputs.filter(({ name, nullable }) => !nullable && !columns.includes(name))
  if (tensors.length > 1 || columns.some((name) => known.includes(name)))
    for (const { name, type } of missing.slice(0, 20))
      problems.add('inputs', `the model's input "${name}" (${type}) is missing`)
  if (problems.count > 0) return { rows: [], columns: null }
  const rows = Array.from({ length: count }, (_, row) => tensors.map(({ values }) => values[row] ?? null))
  return { rows, columns }
}

function unknownName(name: string, known: readonly string[]): string {
  const near = nearestName(name, known)
  const hint =
    near === undefined
      ? `one tensor [n, ${known.length}], or one per input, is expected`
      : `did you mean "${near}"?`
  return `the model has no input "${name}"; ${hint}`
}
