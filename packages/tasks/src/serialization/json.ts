/**
 * JSON as kombu writes and reads it. Values that plain JSON has a form for take the engine's own `JSON`; only what is
 * beyond that (dates, bytes, integers over 2^53 …) is written and read here.
 */
import type { TaskValue } from '../message/task-value.ts'
import { defaultSerializationLimits, tooDeep, unreadable, unwritable } from './limits.ts'
import { needsScan, scanJson } from './json-scan.ts'
import { isTagged, tagBytes, tagDate, tagValue, typeKey, untagged } from './json-tags.ts'
import { isTaggedValue } from './tagged-values.ts'

export interface JsonEncodeOptions {
  /**
   * `NaN` and the infinities are no JSON, though Python reads and writes them. `refuse` (default): an error, since in
   * JavaScript they are mistakes more often than not; `write`: as Python does.
   */
  readonly nonFinite?: 'refuse' | 'write'
  readonly maxDepth?: number
}

/** @throws AppError BROKER_MESSAGE_UNENCODABLE with the path of the first value that cannot be written */
export function encodeJson(value: TaskValue | object, options: JsonEncodeOptions = {}): string {
  const { maxDepth = defaultSerializationLimits.maxDepth, nonFinite = 'refuse' } = options
  if (isPlain(value, maxDepth)) return JSON.stringify(value)
  return new JsonWriter(nonFinite === 'write', maxDepth).write(value, '$', maxDepth)
}

/** @throws AppError BROKER_MESSAGE_MALFORMED */
export function decodeJson(text: string, { maxDepth = defaultSerializationLimits.maxDepth } = {}): TaskValue {
  const scanned = needsScan(text, maxDepth) ? scanJson(text, maxDepth) : text
  let value: unknown
  try {
    value = JSON.parse(scanned)
  } catch (cause) {
    value = parseNonFinite(scanned, maxDepth, cause)
    return withoutTags(value)
  }
  return scanned !== text || text.includes(`"${typeKey}"`) ? withoutTags(value) : (value as TaskValue)
}

function parseNonFinite(text: string, maxDepth: number, cause: unknown): unknown {
  const scanned = scanJson(text, maxDepth)
  try {
    if (scanned !== text) return JSON.parse(scanned)
  } catch {
    // The first error is the one to tell: the second speaks of a text that nobody has sent.
  }
  throw unreadable('it is not JSON', cause)
}

/** In place, from the innermost to the outermost, as kombu's hook sees them. */
function withoutTags(value: unknown): TaskValue {
  if (value === null || typeof value !== 'object') return value as TaskValue
  const entries = value as Record<string, unknown>
  for (const key of Object.keys(entries)) {
    const entry = entries[key]
    if (entry !== null && typeof entry === 'object') entries[key] = withoutTags(entry)
  }
  return !Array.isArray(value) && isTagged(value) ? untagged(value) : (value as TaskValue)
}

/** Does `JSON.stringify` write exactly what is meant? */
function isPlain(value: unknown, depthLeft: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value)
    case 'object':
      if (value === null) return true
      if (depthLeft === 0) return false
      if (Array.isArray(value)) return value.every((item) => isPlain(item, depthLeft - 1))
      return isPlainObject(value, depthLeft)
    case 'bigint':
    case 'undefined':
    case 'function':
    case 'symbol':
      return false
  }
}

function isPlainObject(value: object, depthLeft: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if ((prototype !== Object.prototype && prototype !== null) || 'toJSON' in value || isTagged(value))
    return false
  for (const key in value) {
    const entry: unknown = (value as Record<string, unknown>)[key]
    if (entry !== undefined && !isPlain(entry, depthLeft - 1)) return false
  }
  return true
}

class JsonWriter {
  readonly #writesNonFinite: boolean
  readonly #maxDepth: number

  constructor(writesNonFinite: boolean, maxDepth: number) {
    this.#writesNonFinite = writesNonFinite
    this.#maxDepth = maxDepth
  }

  write(value: unknown, path: string, depthLeft: number): string {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return JSON.stringify(value)
      case 'number':
        if (Number.isFinite(value)) return JSON.stringify(value)
        if (this.#writesNonFinite) return String(value)
        throw unwritable(`${value} is no JSON`, path)
      case 'bigint':
        return value.toString()
      case 'object':
        if (value === null) return 'null'
        if (depthLeft === 0) throw unwritable(tooDeep(this.#maxDepth), path)
        return this.#writeObject(value, path, depthLeft)
      case 'undefined':
      case 'function':
      case 'symbol':
        throw unwritable(`a ${typeof value} cannot be sent`, path)
    }
  }

  #writeObject(value: object, path: string, depthLeft: number): string {
    if (Array.isArray(value)) {
      // As in JSON: a place in a list cannot be left out.
      const items = value.map((item: unknown, index) =>
        this.write(item ?? null, `${path}[${index}]`, depthLeft - 1),
      )
      return `[${items.join(',')}]`
    }
    if (value instanceof Date) {
      const tag = tagDate(value)
      if (tag === null) throw unwritable('the date is not valid', path)
      return JSON.stringify(tag)
    }
    if (value instanceof Uint8Array) return JSON.stringify(tagBytes(value))
    if (isTaggedValue(value)) return JSON.stringify(tagValue(value))
    return this.#writeEntries(value, path, depthLeft)
  }

  #writeEntries(value: object, path: string, depthLeft: number): string {
    if ('toJSON' in value && typeof value.toJSON === 'function')
      return this.write((value.toJSON as () => unknown).call(value), path, depthLeft - 1)
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null)
      throw unwritable(`a ${value.constructor.name} cannot be sent`, path)
    if (isTagged(value))
      throw unwritable('the keys __type__ and __value__ alone stand for something else', path)
    const entries = Object.entries(value)
      .filter(([, entry]) => entry !== undefined)
      .map(([key, entry]) => `${JSON.stringify(key)}:${this.write(entry, `${path}.${key}`, depthLeft - 1)}`)
    return `{${entries.join(',')}}`
  }
}
