import type { JsonValue } from '@celeriac/core'
import { writeShortText, writeText, writeUint32 } from './byte-writer.ts'

const code = (letter: string): number => letter.charCodeAt(0)
const [textType, listType, tableType, voidType] = [code('S'), code('A'), code('F'), code('V')]
const [booleanType, int8Type, int32Type] = [code('t'), code('b'), code('I')]
const [int64Type, doubleType] = [code('l'), code('d')]

/** Tables within each other; RabbitMQ and the clients read them recursively. */
const maxDepth = 500

/**
 * Writes headers as a field table, and gives the offset of its end. Undefined values count as absent.
 *
 * @throws TypeError for a value that is no JSON or a name that is too long, RangeError for a number or depth
 */
export function writeTable(
  bytes: Buffer,
  table: Readonly<Record<string, JsonValue>>,
  start: number,
  depth = 0,
): number {
  if (depth > maxDepth) throw new RangeError(`headers are nested deeper than ${maxDepth}`)
  let at = start + 4
  for (const name in table) {
    const value = table[name]
    if (value === undefined) continue
    at = writeValue(bytes, value, writeShortText(bytes, name, at), depth)
  }
  writeUint32(bytes, at - start - 4, start)
  return at
}

function writeValue(bytes: Buffer, value: JsonValue, at: number, depth: number): number {
  if (typeof value === 'string') {
    bytes[at] = textType
    const end = writeText(bytes, value, at + 5)
    writeUint32(bytes, end - at - 5, at + 1)
    return end
  }
  if (typeof value === 'number') return writeNumber(bytes, value, at)
  if (typeof value === 'boolean') {
    bytes[at] = booleanType
    bytes[at + 1] = value ? 1 : 0
    return at + 2
  }
  if (value === null) {
    bytes[at] = voidType
    return at + 1
  }
  if (typeof value !== 'object') throw new TypeError(`a ${typeof value} cannot be a header`)
  if (Array.isArray(value)) return writeList(bytes, value as readonly JsonValue[], at, depth)
  bytes[at] = tableType
  return writeTable(bytes, value as Readonly<Record<string, JsonValue>>, at + 1, depth + 1)
}

function writeList(bytes: Buffer, list: readonly JsonValue[], start: number, depth: number): number {
  if (depth >= maxDepth) throw new RangeError(`headers are nested deeper than ${maxDepth}`)
  bytes[start] = listType
  let at = start + 5
  for (const item of list) at = writeValue(bytes, item, at, depth + 1)
  writeUint32(bytes, at - start - 5, start + 1)
  return at
}

/**
 * Integers from 0 to 127 with 8 bits, all others of up to 32 bits with 32, the type that Celery itself uses for them:
 * py-amqp before 5.4 reads a 16-bit integer as a text (celery/kombu#2354) and a negative 8-bit one as positive; a time
 * limit of 300 seconds would make a task unreadable.
 */
function writeNumber(bytes: Buffer, value: number, at: number): number {
  if (value >= 0 && value <= 127 && Number.isInteger(value)) {
    bytes[at] = int8Type
    bytes[at + 1] = value
    return at + 2
  }
  if (value === (value | 0)) {
    bytes[at] = int32Type
    return writeUint32(bytes, value, at + 1)
  }
  const isInteger = Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63
  if (!isInteger && !Number.isFinite(value)) throw new RangeError(`${value} cannot be a header`)
  bytes[at] = isInteger ? int64Type : doubleType
  if (at + 9 > bytes.length) return at + 9
  return isInteger ? bytes.writeBigInt64BE(BigInt(value), at + 1) : bytes.writeDoubleBE(value, at + 1)
}
