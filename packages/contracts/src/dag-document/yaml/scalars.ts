import { CORE_SCHEMA, getScalarValue, SCALAR_STYLE, type ScalarEvent } from 'js-yaml'
import { show } from '../../show-value.ts'
import type { ProblemCode } from '../problem.ts'

interface ScalarProblem {
  readonly code: ProblemCode
  readonly message: string
  readonly suggestion?: string
}

export interface ScalarReading {
  readonly value: string | number | boolean | null
  /** Why the value could not be read; it is then null. */
  readonly problem: ScalarProblem | null
}

const core = 'tag:yaml.org,2002:'
const scalarTags: ReadonlySet<string> = new Set(['str', 'int', 'float', 'bool', 'null'])
const collectionTags: ReadonlySet<string | null> = new Set(['', '!', 'seq', 'map'])
/** PostgreSQL's jsonb takes neither NUL nor half a surrogate pair. */
export const unstorable = /[\0\p{Surrogate}]/u
/** First characters of plain scalars that the core schema may read as null, a boolean or a number. */
const mayBeTyped = /^(?:$|[-+.~0-9nNtTfF])/
const integerText = /^(?:0o[0-7]+|0x[0-9a-fA-F]+|[-+]?[0-9]+)$/

interface TagRange {
  readonly tagStart: number
  readonly tagEnd: number
}

/** Short name of a core tag (`str`); '' for none, '!' for the non-specific tag, null for every other one. */
function coreTagOf(source: string, event: TagRange): string | null {
  if (event.tagStart < 0) return ''
  const raw = source.slice(event.tagStart, event.tagEnd)
  if (raw === '!') return raw
  if (raw.startsWith('!!')) return raw.slice(2)
  return raw.startsWith(`!<${core}`) ? raw.slice(2 + core.length, -1) : null
}

const tagProblem = (source: string, event: TagRange): ScalarProblem => ({
  code: 'unsupported_tag',
  message: `the tag ${source.slice(event.tagStart, event.tagEnd).slice(0, 80)} is not supported; only plain values are`,
})

/** What is wrong with the tag of a collection. */
export const unsupportedTagOf = (source: string, event: TagRange): ScalarProblem | null =>
  collectionTags.has(coreTagOf(source, event)) ? null : tagProblem(source, event)

/** Where a scalar starts in the source: its quote or its first character; null when it is empty. */
export function scalarOffset(source: string, event: ScalarEvent): number | null {
  if (event.valueStart < 0) return event.tagStart >= 0 ? event.tagStart : null
  switch (event.style) {
    case SCALAR_STYLE.SINGLE_QUOTED:
    case SCALAR_STYLE.DOUBLE_QUOTED:
      return event.valueStart - 1
    case SCALAR_STYLE.LITERAL_BLOCK:
    case SCALAR_STYLE.FOLDED_BLOCK: {
      const text = source.slice(event.valueStart, event.valueEnd)
      return event.valueStart + Math.max(0, text.search(/\S/))
    }
    case SCALAR_STYLE.PLAIN:
      return event.valueStart
  }
}

/** The value of a scalar under YAML 1.2's core schema, as far as JSON and the database can hold it. */
export function scalarValue(source: string, event: ScalarEvent): ScalarReading {
  const text = getScalarValue(source, event)
  const tag = coreTagOf(source, event)
  if (tag === '') {
    return event.style === SCALAR_STYLE.PLAIN && mayBeTyped.test(text)
      ? jsonValue(CORE_SCHEMA.resolveImplicitScalarTag(text).value, text)
      : stringValue(text)
  }
  if (tag === 'str' || tag === '!') return stringValue(text)
  if (tag === null || !scalarTags.has(tag)) return { value: null, problem: tagProblem(source, event) }
  const resolved = CORE_SCHEMA.lookupScalarTag(core + tag)?.resolve(text, true, core + tag)
  if (typeof resolved === 'symbol' || resolved === undefined) {
    const message = `${show(text)} cannot be read as !!${tag}`
    return { value: null, problem: { code: 'wrong_type', message } }
  }
  return jsonValue(resolved, text)
}

function jsonValue(value: unknown, text: string): ScalarReading {
  if (typeof value === 'number') return numberValue(value, text)
  if (typeof value === 'string') return stringValue(value)
  return { value: typeof value === 'boolean' ? value : null, problem: null }
}

function numberValue(value: number, text: string): ScalarReading {
  if (!Number.isFinite(value)) {
    const message = `${text} is not a number that JSON can hold; write null or leave the key out`
    return { value: null, problem: { code: 'unsupported_number', message } }
  }
  if (integerText.test(text) && !isExact(value, text)) {
    const message = `${text.slice(0, 80)} is too large to be held exactly; write it in quotes`
    const suggestion = JSON.stringify(text.slice(0, 200))
    return { value: null, problem: { code: 'unsupported_number', message, suggestion } }
  }
  return { value: value === 0 ? 0 : value, problem: null } // JSON has no negative zero
}

/** An integer beyond 2^53 is fine as long as it is printed as it was written. */
const isExact = (value: number, text: string): boolean =>
  Number.isSafeInteger(value) || String(value) === text.replace(/^\+/, '').replace(/^(-?)0+(?=\d)/, '$1')

function stringValue(text: string): ScalarReading {
  if (!unstorable.test(text)) return { value: text, problem: null }
  const message = 'the text holds a NUL or half a surrogate pair; leave the character out'
  return { value: null, problem: { code: 'invalid_character', message } }
}
