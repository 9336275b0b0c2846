/** MessagePack as kombu has it: `packb(use_bin_type=True)`, `unpackb(raw=False)`. */
import { decode, encode, ExtData } from '@msgpack/msgpack'
import { messageOf } from '@celeriac/core'
import type { TaskObject, TaskValue } from '../message/task-value.ts'
import { defaultSerializationLimits, tooDeep, unreadable, unwritable } from './limits.ts'
import { isTaggedValue } from './tagged-values.ts'

/** @throws AppError BROKER_MESSAGE_UNENCODABLE: among others for dates, which Python's packer refuses as well */
export function encodeMsgpack(
  value: TaskValue,
  { maxDepth = defaultSerializationLimits.maxDepth } = {},
): Uint8Array {
  // `useBigInt64` writes numbers over 32 bits as floats, hence the bigints; the depth was counted before.
  return encode(packable(value, '$', maxDepth, maxDepth), { useBigInt64: true, maxDepth: maxDepth + 2 })
}

/** @throws AppError BROKER_MESSAGE_MALFORMED */
export function decodeMsgpack(
  bytes: Uint8Array,
  { maxDepth = defaultSerializationLimits.maxDepth } = {},
): TaskValue {
  let value: unknown
  try {
    value = decode(bytes, { useBigInt64: true })
  } catch (cause) {
    throw unreadable(`it is not MessagePack: ${messageOf(cause)}`, cause)
  }
  return unpacked(value, maxDepth, maxDepth)
}

const int64Min = -(2n ** 63n)
const uint64Max = 2n ** 64n - 1n

function packable(value: unknown, path: string, depthLeft: number, maxDepth: number): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isSafeInteger(value) && (value > 0xffff_ffff || value < -0x8000_0000)
        ? BigInt(value)
        : value
    case 'bigint':
      if (value < int64Min || value > uint64Max)
        throw unwritable('MessagePack has no integers over 64 bits', path)
      return value
    case 'object':
      if (value === null || value instanceof Uint8Array) return value
      if (depthLeft === 0) throw unwritable(tooDeep(maxDepth), path)
      if (Array.isArray(value))
        return value.map((item: unknown, index) =>
          packable(item ?? null, `${path}[${index}]`, depthLeft - 1, maxDepth),
        )
      if (value instanceof Date || isTaggedValue(value))
        throw unwritable(
          `MessagePack carries no ${value instanceof Date ? 'datetime' : value.tag}; use json`,
          path,
        )
      return Object.fromEntries(
        Object.entries(value)
          .filter(([, entry]) => entry !== undefined)
          .map(([key, entry]) => [key, packable(entry, `${path}.${key}`, depthLeft - 1, maxDepth)]),
      )
    case 'undefined':
    case 'function':
    case 'symbol':
      throw unwritable(`a ${typeof value} cannot be sent`, path)
  }
}

/** Integers as numbers where they fit. */
function unpacked(value: unknown, depthLeft: number, maxDepth: number): TaskValue {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value
  if (typeof value !== 'object' || value === null) return value as TaskValue
  if (value instanceof Uint8Array) return value.slice()
  if (value instanceof Date) return value
  if (value instanceof ExtData) throw unreadable('there is a MessagePack extension of an unknown type')
  if (depthLeft === 0) throw unreadable(tooDeep(maxDepth))
  if (Array.isArray(value)) return value.map((item) => unpacked(item, depthLeft - 1, maxDepth))
  const entries = Object.entries(value).map(([key, entry]) => [key, unpacked(entry, depthLeft - 1, maxDepth)])
  return Object.fromEntries(entries) as TaskObject
}
