/**
 * kombu's tagged values: `{"__type__": type, "__value__": …}` stands for what JSON has no form for. Two more tags are
 * put there by the scanner of texts (`json-scan.ts`), for numbers that `JSON.parse` would spoil or not read.
 */
import { isUtf8 } from 'node:buffer'
import type { TaggedValue, TaskValue } from '../message/task-value.ts'
import { isoTextOf, IsoDate } from './iso-date.ts'
import { unreadable } from './limits.ts'
import { CalendarDate, ClockTime, Decimal, Uuid } from './tagged-values.ts'

export const typeKey = '__type__'
export const valueKey = '__value__'

export interface Tagged {
  readonly [typeKey]: string
  readonly [valueKey]: unknown
}

/** Exactly the two keys: what kombu takes for a tagged value. */
export const isTagged = (value: object): value is Tagged =>
  typeKey in value && valueKey in value && Object.keys(value).length === 2

const tagged = (type: string, value: unknown): Tagged => ({ [typeKey]: type, [valueKey]: value })

export function tagBytes(value: Uint8Array): Tagged {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return isUtf8(bytes) ? tagged('bytes', bytes.toString('utf8')) : tagged('base64', bytes.toString('base64'))
}

/** Null for a date that Python cannot have. */
export function tagDate(date: Date): Tagged | null {
  const text = isoTextOf(date)
  return text === null ? null : tagged('datetime', text)
}

export const tagValue = (value: TaggedValue): Tagged =>
  value.tag === 'uuid'
    ? tagged('uuid', { hex: value.toString().replaceAll('-', '') })
    : tagged(value.tag, value.toString())

/** Python reads no integers of more digits either; more cost time that grows with their square. */
const maxDigits = 4_300

const readers: Readonly<Record<string, (value: unknown) => TaskValue | null>> = {
  datetime: (value) => IsoDate.fromText(String(value)),
  date: (value) => CalendarDate.parse(String(value)),
  time: (value) => ClockTime.parse(String(value)),
  decimal: (value) => Decimal.parse(String(value)),
  uuid: (value) => {
    const hex = value !== null && typeof value === 'object' && 'hex' in value ? value.hex : null
    return typeof hex === 'string' ? Uuid.parse(hex) : null
  },
  bytes: (value) => (typeof value === 'string' ? new TextEncoder().encode(value) : null),
  base64: (value) => (typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'base64')) : null),
  int: (value) => {
    const text = String(value)
    return /^-?\d+$/.test(text) && text.length <= maxDigits ? BigInt(text) : null
  },
  float: (value) => (['NaN', 'Infinity', '-Infinity'].includes(String(value)) ? Number(value) : null),
}

/** @throws AppError BROKER_MESSAGE_MALFORMED for an unknown type, and a value that is none of its type */
export function untagged(value: Tagged): TaskValue {
  const type = String(value[typeKey])
  if (!Object.hasOwn(readers, type)) throw unreadable('there is a value of an unknown type')
  const read = readers[type]?.(value[valueKey]) ?? null
  if (read === null) throw unreadable(`there is a ${type} that is none`)
  return read
}
