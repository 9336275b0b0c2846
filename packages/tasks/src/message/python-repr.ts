/**
 * Values as Celery shows them in `argsrepr` and `kwargsrepr`: Python's `repr`, cut at a length and a depth, every bracket
 * closed. For monitors and logs; nobody reads it back.
 */
import { isUtf8 } from 'node:buffer'
import { isoTextOf } from '../serialization/iso-date.ts'
import { isTaggedValue } from '../serialization/tagged-values.ts'
import type { TaggedValue, TaskValue } from './task-value.ts'

export interface ReprOptions {
  /** Characters, closing brackets not counted. Default 1,024. */
  readonly maxLength?: number
  /** Containers within each other. Default 3. */
  readonly maxDepth?: number
  /** A list at the top is written as a tuple, which is what `args` are in Python. */
  readonly isTuple?: boolean
}

export function pythonRepr(value: TaskValue, options: ReprOptions = {}): string {
  const writer = new ReprWriter(options.maxLength ?? 1_024, options.maxDepth ?? 3)
  writer.write(value, 0, options.isTuple ?? false)
  return writer.text
}

/** Writes token by token. When the room is used up, the next token is replaced by dots and nothing more is opened. */
class ReprWriter {
  text = ''
  #room: number
  #isCut = false
  readonly #maxDepth: number

  constructor(maxLength: number, maxDepth: number) {
    this.#room = maxLength
    this.#maxDepth = maxDepth
  }

  write(value: TaskValue, depth: number, isTuple = false): void {
    if (Array.isArray(value)) {
      const items = value as readonly TaskValue[]
      const [open, close] = isTuple ? ['(', items.length === 1 ? ',)' : ')'] : ['[', ']']
      this.#writeContainer(open as string, close as string, depth, items, (item) =>
        this.write(item, depth + 1),
      )
    } else if (isMapping(value)) {
      this.#writeContainer('{', '}', depth, Object.entries(value), ([key, entry]) => {
        this.#put(() => textRepr(key, this.#room))
        this.#put(() => ': ')
        this.write(entry, depth + 1)
      })
    } else {
      this.#put(() => scalarRepr(value, this.#room))
    }
  }

  #writeContainer<T>(
    open: string,
    close: string,
    depth: number,
    items: readonly T[],
    write: (item: T) => void,
  ): void {
    if (depth >= this.#maxDepth) return this.#put(() => `${open}...${close}`)
    this.#put(() => open)
    if (this.#isCut) return
    for (const [index, item] of items.entries()) {
      if (index > 0) this.#put(() => ', ')
      if (this.#isCut) break
      write(item)
    }
    this.text += close
    this.#room -= close.length
  }

  #put(token: () => string): void {
    if (this.#isCut) return
    if (this.#room <= 0) {
      this.#isCut = true
      this.text += ', ...'
      return
    }
    const text = token()
    this.text += text
    this.#room -= lengthOf(text)
  }
}

/** Characters as Python counts them: a pair of surrogates is one. */
const lengthOf = (text: string): number => text.length - (text.match(surrogatePairs)?.length ?? 0)
const surrogatePairs = /[\ud800-\udbff][\udc00-\udfff]/g

const isMapping = (value: TaskValue): value is { readonly [key: string]: TaskValue } =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Date) &&
  !(value instanceof Uint8Array) &&
  !isTaggedValue(value)

function scalarRepr(value: TaskValue, room: number): string {
  switch (typeof value) {
    case 'string':
      return textRepr(value, room)
    case 'boolean':
      return cut(value ? 'True' : 'False', room)
    case 'number':
      return cut(numberRepr(value), room)
    case 'bigint':
      return cut(value.toString(), room)
    case 'object':
      if (value instanceof Date) return cut(datetimeRepr(value), room)
      if (value instanceof Uint8Array) return bytesRepr(value, room)
      return cut(isTaggedValue(value) ? taggedRepr(value) : 'None', room)
    // Not sent as such: JSON leaves them out or writes null.
    case 'undefined':
    case 'function':
    case 'symbol':
      return 'None'
  }
}

/** Celery's own form: quotes are escaped, nothing else is. */
const textRepr = (text: string, room: number): string => `'${cut(text, room).replaceAll("'", "\\'")}'`

/** Cut between words, as Celery cuts texts. */
function cut(text: string, room: number): string {
  if (lengthOf(text) < room) return text
  const start = Array.from(text.slice(0, 2 * room))
    .slice(0, room)
    .join('')
  const lastSpace = start.lastIndexOf(' ')
  return `${lastSpace < 0 ? start : start.slice(0, lastSpace)}...`
}

function numberRepr(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return BigInt(value).toString()
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  // Python turns to exponents below 1e-4, and gives them two digits.
  const text = Math.abs(value) < 1e-4 ? value.toExponential() : String(value)
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}

function bytesRepr(value: Uint8Array, room: number): string {
  const bytes = Buffer.from(value.subarray(0, Math.max(0, room)))
  const text = isUtf8(bytes) ? bytes.toString('utf8') : bytes.toString('hex')
  return `b'${text}${value.byteLength > bytes.byteLength ? '...' : ''}'`
}

function datetimeRepr(date: Date): string {
  const text = isoTextOf(date)
  if (text === null) return 'None'
  const [day = '', time = ''] = text.split(/[T ]/)
  const [clock = '', zone] = time.split(/(?=[Z+-])/)
  const zoneRepr = zone === undefined ? '' : `, tzinfo=${timezoneRepr(zone)}`
  return `datetime.datetime(${[...numbersOf(day), ...clockNumbers(clock)].join(', ')}${zoneRepr})`
}

function timezoneRepr(zone: string): string {
  const seconds = zone === 'Z' ? 0 : offsetSeconds(zone)
  if (seconds === 0) return 'datetime.timezone.utc'
  return seconds > 0
    ? `datetime.timezone(datetime.timedelta(seconds=${seconds}))`
    : `datetime.timezone(datetime.timedelta(days=-1, seconds=${seconds + 86_400}))`
}

function offsetSeconds(zone: string): number {
  const [hours = 0, minutes = 0] = (zone.slice(1).match(/\d{2}/g) ?? []).map(Number)
  return (zone.startsWith('-') ? -1 : 1) * (hours * 3_600 + minutes * 60)
}

const numbersOf = (text: string): number[] => (text.match(/\d+/g) ?? []).map(Number)

/** Hours and minutes always, seconds and microseconds where there are any: as Python's own repr. */
function clockNumbers(clock: string): number[] {
  const [hms = '', fraction = ''] = clock.split('.')
  const [hours = 0, minutes = 0, seconds = 0] = numbersOf(hms)
  const micros = fraction === '' ? 0 : Number(fraction.padEnd(6, '0').slice(0, 6))
  return [hours, minutes, ...(seconds > 0 || micros > 0 ? [seconds] : []), ...(micros > 0 ? [micros] : [])]
}

function taggedRepr(value: TaggedValue): string {
  const text = value.toString()
  switch (value.tag) {
    case 'decimal':
      return `Decimal('${text}')`
    case 'uuid':
      return `UUID('${text}')`
    case 'date':
      return `datetime.date(${numbersOf(text).join(', ')})`
    case 'time':
      return `datetime.time(${clockNumbers(text.split(/[Z+-]/)[0] ?? '').join(', ')})`
  }
}
