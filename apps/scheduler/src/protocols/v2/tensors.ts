import {
  maxPredictRows,
  nearestName,
  v2Datatypes,
  type Cell,
  type V2Datatype,
  type V2Input,
} from '@celeriac/contracts'
import type { Problems } from '../problems.ts'
import { datatypeFacts, isV2Datatype, refusedDatatypes } from './datatypes.ts'

/** An input as it was sent, checked: as many values as its shape says, row-major, null where one is missing. */
export interface Tensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: readonly Cell[]
}

/**
 * Reads the tensors of a request. `binary` is what stands behind the JSON of the body: the tensors that have a
 * `binary_data_size`, one after the other. What is wrong is added to `problems`; such a tensor is left out.
 */
export function readTensors(
  inputs: readonly V2Input[],
  binary: Buffer,
  problems: Problems,
): readonly Tensor[] {
  let offset = 0
  const tensors = inputs.flatMap((input, index) => {
    const size = binarySizeOf(input, `inputs[${index}]`, problems)
    const before = problems.count
    const bytes = size === null ? null : binary.subarray(offset, offset + size)
    offset += size ?? 0
    const values = readValues(input, bytes, `inputs[${index}]`, problems)
    return problems.count === before ? [{ name: input.name, shape: input.shape, values }] : []
  })
  if (offset !== binary.length)
    problems.add(
      'inputs',
      `binary_data_size says ${offset} bytes in all, but ${binary.length} follow the JSON of the body`,
    )
  return tensors
}

function binarySizeOf({ parameters }: V2Input, path: string, problems: Problems): number | null {
  const size = parameters?.['binary_data_size']
  if (size === undefined) return null
  if (typeof size === 'number' && Number.isSafeInteger(size) && size >= 0) return size
  problems.add(`${path}.parameters.binary_data_size`, 'a number of bytes is expected')
  return null
}

function readValues(
  { datatype, shape, data, parameters }: V2Input,
  bytes: Buffer | null,
  path: string,
  problems: Problems,
): readonly Cell[] {
  if (parameters?.['shared_memory_region'] !== undefined)
    problems.add(`${path}.parameters.shared_memory_region`, 'shared memory is not offered; send the data')
  // Before anything is read: what is refused anyway must not cost more than its JSON.
  const [rows = 0] = shape
  if (rows > maxPredictRows) {
    problems.add(`${path}.shape`, `1 to ${maxPredictRows} rows are expected, got ${rows}`)
    return []
  }
  if (!isV2Datatype(datatype)) {
    const near = nearestName(datatype.toUpperCase(), v2Datatypes)
    const known =
      near === undefined ? `one of ${v2Datatypes.join(', ')} is expected` : `did you mean ${near}?`
    problems.add(
      `${path}.datatype`,
      refusedDatatypes[datatype] ?? `there is no datatype ${datatype}; ${known}`,
    )
    return []
  }
  if (bytes !== null && data !== undefined)
    problems.add(`${path}.data`, 'the data is sent in binary already: give data or binary_data_size')
  if (bytes !== null) return readBinary(bytes, datatype, { shape, path, problems })
  if (Array.isArray(data)) return readJson(data, datatype, { shape, path, problems })
  problems.add(`${path}.data`, data === undefined ? 'is missing' : 'a list is expected')
  return []
}

interface Place {
  readonly shape: readonly number[]
  readonly path: string
  readonly problems: Problems
}

const elementsOf = (shape: readonly number[]): number =>
  shape.reduce((product, length) => product * length, 1)

function readJson(
  data: readonly unknown[],
  datatype: V2Datatype,
  { shape, path, problems }: Place,
): readonly Cell[] {
  const { fault } = datatypeFacts(datatype)
  const flat = flatten(data, shape)
  if (typeof flat === 'string') {
    problems.add(`${path}.data`, flat)
    return []
  }
  const isSingle = datatype === 'FP32'
  return flat.map((value, index) => {
    if (value === null) return null
    const wrong = problems.isFull ? null : fault(value)
    if (wrong !== null) problems.add(`${path}.data[${index}]`, wrong)
    // What is declared to be FP32 is the same number in JSON as in binary.
    return isSingle ? Math.fround(value as number) : (value as Cell)
  })
}

/** The values in order, or what is wrong with the form: flat, or nested exactly as the shape says. */
function flatten(data: readonly unknown[], shape: readonly number[]): readonly unknown[] | string {
  const expected = elementsOf(shape)
  const said = `its shape [${shape.join(', ')}] says`
  if (!data.some(Array.isArray))
    return data.length === expected ? data : `${data.length} values, but ${said} ${expected}`
  let level: readonly unknown[] = data
  for (const [depth, length] of shape.entries()) {
    const outer: readonly unknown[] = depth === 0 ? [level] : level
    if (!outer.every((part) => Array.isArray(part) && part.length === length))
      return `is nested in another way than ${said}`
    if (depth > 0) level = outer.flat()
  }
  return level.some(Array.isArray) ? `is nested deeper than ${said}` : level
}

function readBinary(bytes: Buffer, datatype: V2Datatype, place: Place): readonly Cell[] {
  const { size, read } = datatypeFacts(datatype)
  if (size === null) return readTexts(bytes, place)
  const { shape, path, problems } = place
  const expected = elementsOf(shape)
  if (bytes.length !== expected * size) {
    problems.add(
      path,
      `${bytes.length} bytes of ${datatype}, but its shape [${shape.join(', ')}] says ${expected * size}`,
    )
    return []
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: expected }, (_, index) => {
    const value = read(view, index * size)
    if (value === undefined) {
      problems.add(`${path}[${index}]`, `no double is equal to this ${datatype}`)
      return null
    }
    if (typeof value !== 'number' || Number.isFinite(value)) return value
    // NaN is how numpy says that a value is missing.
    if (!Number.isNaN(value)) problems.add(`${path}[${index}]`, 'is not finite')
    return null
  })
}

/** BYTES in binary: each value behind its length in four bytes. */
function readTexts(bytes: Buffer, { shape, path, problems }: Place): readonly Cell[] {
  const expected = elementsOf(shape)
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const texts: string[] = []
  let offset = 0
  while (offset + 4 <= bytes.length && texts.length <= expected && !problems.isFull) {
    const end = offset + 4 + bytes.readUInt32LE(offset)
    if (end > bytes.length) break
    try {
      texts.push(decoder.decode(bytes.subarray(offset + 4, end)))
    } catch {
      problems.add(`${path}[${texts.length}]`, 'is not UTF-8 text')
      texts.push('')
    }
    offset = end
  }
  if (!problems.isFull && (offset !== bytes.length || texts.length !== expected))
    problems.add(path, `its bytes are not ${expected} values of BYTES, each behind its length`)
  return texts
}
