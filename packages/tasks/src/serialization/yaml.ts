/**
 * YAML as PyYAML's `safe_dump` and `safe_load` have it: YAML 1.1 with its numbers, times, `!!binary` and `!!set`.
 * Aliases are counted: a few of them can stand for more values than there is memory.
 */
import { messageOf } from '@celeriac/core'
import {
  defineScalarTag,
  dump,
  floatYaml11Tag,
  intYaml11Tag,
  load,
  NOT_RESOLVED,
  YAML11_SCHEMA,
  DUMP_SCHEMA,
  type Schema,
} from 'js-yaml'
import type { TaskObject, TaskValue } from '../message/task-value.ts'
import { isoTextOf, IsoDate } from './iso-date.ts'
import { defaultSerializationLimits, tooDeep, unreadable, unwritable } from './limits.ts'
import { CalendarDate, isTaggedValue } from './tagged-values.ts'

/** @throws AppError BROKER_MESSAGE_UNENCODABLE: among others for Decimal and UUID, which `safe_dump` refuses as well */
export function encodeYaml(
  value: TaskValue,
  { maxDepth = defaultSerializationLimits.maxDepth } = {},
): Uint8Array {
  assertWritable(value, '$', maxDepth, maxDepth)
  return new TextEncoder().encode(
    dump(value, { schema: writing, noRefs: true, lineWidth: -1, skipInvalid: true }),
  )
}

/** @throws AppError BROKER_MESSAGE_MALFORMED */
export function decodeYaml(
  bytes: Uint8Array,
  { maxDepth = defaultSerializationLimits.maxDepth } = {},
): TaskValue {
  let value: unknown
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    value = load(text, { schema: reading, maxDepth, maxAliases, maxTotalMergeKeys: maxAliases, json: true })
  } catch (cause) {
    throw unreadable(`it is not YAML: ${messageOf(cause)}`, cause)
  }
  return plain(value, { depthLeft: maxDepth, values: { left: maxValues } })
}

/** PyYAML writes an alias for each list or object that is there twice. */
const maxAliases = 1_000
/** After aliases are followed. */
const maxValues = 1_000_000

const timestampName = 'tag:yaml.org,2002:timestamp'

/** PyYAML may write one-digit months and hours in no case, so the strict forms are enough. */
const timestampTag = defineScalarTag<Date | CalendarDate>(timestampName, {
  implicit: true,
  implicitFirstChars: '0123456789'.split(''),
  resolve: (source) => {
    const found = /^\d{4}-\d{2}-\d{2}$/.test(source) ? CalendarDate.parse(source) : IsoDate.fromText(source)
    return found ?? NOT_RESOLVED
  },
  identify: (value: unknown) => value instanceof Date || value instanceof CalendarDate,
  represent: (value: Date | CalendarDate) =>
    value instanceof CalendarDate ? value.toString() : (isoTextOf(value) ?? ''),
})

/** Doubles from here on are written as floats; whole ones below are integers, as in JSON. */
const floatFrom = 1e21

const intTag = defineScalarTag<number | bigint>('tag:yaml.org,2002:int', {
  implicit: true,
  implicitFirstChars: '+-0123456789'.split(''),
  resolve: (source, isExplicit, tagName) => {
    const value = intYaml11Tag.resolve(source, isExplicit, tagName)
    if (value === NOT_RESOLVED || Number.isSafeInteger(value)) return value
    const digits = source.replaceAll('_', '').replace(/^\+/, '')
    return /^-?[1-9]\d*$/.test(digits) && digits.length <= 4_300 ? BigInt(digits) : NOT_RESOLVED
  },
  identify: (value: unknown) =>
    typeof value === 'bigint' || (Number.isInteger(value) && Math.abs(value as number) < floatFrom),
  represent: (value: number | bigint) => BigInt(value).toString(),
})

const floatTag = defineScalarTag<number>('tag:yaml.org,2002:float', {
  implicit: true,
  implicitFirstChars: floatYaml11Tag.implicitFirstChars,
  resolve: floatYaml11Tag.resolve,
  identify: (value: unknown) =>
    typeof value === 'number' && !(Number.isInteger(value) && Math.abs(value) < floatFrom),
  // Without a point PyYAML takes a number with an exponent for a text.
  represent: (value: number) =>
    Number.isFinite(value)
      ? String(value).replace(/^(-?\d+)e/, '$1.0e')
      : Number.isNaN(value)
        ? '.nan'
        : value > 0
          ? '.inf'
          : '-.inf',
})

const reading: Schema = YAML11_SCHEMA.withTags(timestampTag, intTag)
const writing: Schema = DUMP_SCHEMA.withTags(timestampTag, intTag, floatTag)

function assertWritable(value: unknown, path: string, depthLeft: number, maxDepth: number): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'number':
    case 'bigint':
    case 'undefined':
      return
    case 'object':
      if (value === null || value instanceof Uint8Array || value instanceof CalendarDate) return
      if (value instanceof Date) {
        if (isoTextOf(value) === null) throw unwritable('the date is not valid', path)
        return
      }
      if (isTaggedValue(value)) throw unwritable(`YAML carries no ${value.tag}; use json`, path)
      if (depthLeft === 0) throw unwritable(tooDeep(maxDepth), path)
      for (const [key, entry] of Object.entries(value))
        assertWritable(
          entry,
          Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`,
          depthLeft - 1,
          maxDepth,
        )
      return
    case 'function':
    case 'symbol':
      throw unwritable(`a ${typeof value} cannot be sent`, path)
  }
}

interface Budget {
  readonly depthLeft: number
  readonly values: { left: number }
}

/** Sets, ordered maps and pairs as lists; what aliases repeat is counted each time. */
function plain(value: unknown, { depthLeft, values }: Budget): TaskValue {
  if (--values.left < 0) throw unreadable(`it has more than ${maxValues} values`)
  if (typeof value !== 'object' || value === null) return value as TaskValue
  if (value instanceof Uint8Array) return value.slice()
  if (value instanceof Date || value instanceof CalendarDate) return value
  if (depthLeft === 0) throw unreadable('it nests too deep')
  const within = { depthLeft: depthLeft - 1, values }
  if (value instanceof Set) return [...(value as Set<unknown>)].map((item) => plain(item, within))
  if (value instanceof Map)
    return Object.fromEntries(
      [...(value as Map<unknown, unknown>)].map(([key, item]) => [String(key), plain(item, within)]),
    )
  if (Array.isArray(value)) return value.map((item) => plain(item, within))
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, plain(item, within)]),
  ) as TaskObject
}
