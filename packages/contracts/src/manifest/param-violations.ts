import type { JsonObject, JsonValue } from '@celeriac/core'
import type { ErrorObject } from 'ajv/dist/2020.js'
import { nearestName } from '../nearest-name.ts'
import { show, typeNameOf } from '../show-value.ts'

export type ViolationKind = 'unknown' | 'missing' | 'type' | 'value' | 'rejected'

export interface ParamViolation {
  readonly kind: ViolationKind
  /** Steps from the parameters: names and positions; the name of the parameter itself for unknown and missing ones. */
  readonly path: readonly (string | number)[]
  readonly message: string
  readonly suggestion?: string
}

interface RejectedValue {
  readonly value?: JsonValue
  readonly greater_than?: number
  readonly reason: string
}

/** Keywords that sum up alternatives: their children say nothing that a person could act upon. */
const composites: ReadonlySet<string> = new Set(['anyOf', 'oneOf', 'not', 'if'])

const stepsOf = (pointer: string, given: JsonValue): readonly (string | number)[] => {
  let value: JsonValue | undefined = given
  return pointer
    .split('/')
    .slice(1)
    .map((part) => {
      const step = part.replaceAll('~1', '/').replaceAll('~0', '~')
      const isIndex = Array.isArray(value)
      value = isIndex
        ? (value as readonly JsonValue[])[Number(step)]
        : (value as JsonObject | undefined)?.[step]
      return isIndex ? Number(step) : step
    })
}

/**
 * Turns ajv's errors into violations that name one place each. A wrong type hides what else is wrong at its place;
 * a composite keyword with `x-message` speaks for its children.
 */
export function violationsOf(errors: readonly ErrorObject[], params: JsonObject): readonly ParamViolation[] {
  const mutedByComposite = childrenOfComposites(errors)
  const violations = new Map<string, ParamViolation>()
  const isGiven = (pointer: string): boolean =>
    pointer === '' || Object.hasOwn(params, pointer.split('/')[1] ?? '')
  for (const error of errors.toSorted((a, b) => rank(a) - rank(b))) {
    if (mutedByComposite.has(error)) continue
    if (error.keyword === 'if' && messageIn(error) === undefined) continue // its branch's own errors are shown
    const violation = composites.has(error.keyword)
      ? compositeViolation(error, errors, params, isGiven)
      : simpleViolation(error, params)
    const place = JSON.stringify(violation.path)
    if (!violations.has(place)) violations.set(place, violation)
  }
  return [...violations.values()]
}

const rank = (error: ErrorObject): number => {
  if (error.keyword === 'type') return 0
  return composites.has(error.keyword) ? 2 : 1
}

const messageIn = (error: ErrorObject): string | undefined => {
  const message = (error.parentSchema as JsonObject | undefined)?.['x-message']
  return typeof message === 'string' ? message : undefined
}

/** The part of the schema that a composite error stands for: `#/allOf/0` for an `if` in there, else its own path. */
const scopeOf = (error: ErrorObject): string =>
  error.keyword === 'if' ? error.schemaPath.slice(0, -'/if'.length) : error.schemaPath

const isChildOf = (error: ErrorObject, composite: ErrorObject): boolean =>
  error !== composite &&
  error.schemaPath.startsWith(`${scopeOf(composite)}/`) &&
  (error.instancePath === composite.instancePath ||
    error.instancePath.startsWith(`${composite.instancePath}/`))

function childrenOfComposites(errors: readonly ErrorObject[]): ReadonlySet<ErrorObject> {
  const speaking = errors.filter(
    (error) => composites.has(error.keyword) && (error.keyword !== 'if' || messageIn(error) !== undefined),
  )
  return new Set(errors.filter((error) => speaking.some((composite) => isChildOf(error, composite))))
}

function compositeViolation(
  error: ErrorObject,
  errors: readonly ErrorObject[],
  params: JsonObject,
  isGiven: (pointer: string) => boolean,
): ParamViolation {
  const message = messageIn(error) ?? `${show(error.data)} fits none of the allowed forms`
  // A condition points at the first given parameter that breaks it; alternatives have no single culprit.
  const culprit =
    error.keyword === 'if'
      ? errors.find(
          (child) => isChildOf(child, error) && child.instancePath !== '' && isGiven(child.instancePath),
        )
      : undefined
  return { kind: 'value', path: stepsOf(culprit?.instancePath ?? error.instancePath, params), message }
}

function simpleViolation(error: ErrorObject, params: JsonObject): ParamViolation {
  const path = stepsOf(error.instancePath, params)
  const schema = (error.parentSchema ?? {}) as JsonObject
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownParam(path, String(error.params.additionalProperty), schema)
    case 'required':
      return missingParam(path, String(error.params.missingProperty), schema)
    case 'type':
      return wrongType(path, error)
    case 'enum':
    case 'const':
      return rejection(path, error, schema) ?? notAnOption(path, error, schema)
    case 'uniqueItems': {
      const later = Math.max(Number(error.params.i), Number(error.params.j))
      const item = (error.data as readonly JsonValue[])[later]
      return { kind: 'value', path: [...path, later], message: `${show(item)} is in the list already` }
    }
    default:
      return (
        rejection(path, error, schema) ?? {
          kind: 'value',
          path,
          message: `${show(error.data)} is not allowed: it ${error.message ?? 'does not fit'}`,
        }
      )
  }
}

function unknownParam(path: ParamViolation['path'], name: string, schema: JsonObject): ParamViolation {
  const known = Object.keys((schema.properties ?? {}) as JsonObject)
  const suggestion = nearestName(name, known)
  const hint = suggestion === undefined ? `known are ${listOf(known)}` : `did you mean ${suggestion}?`
  return {
    kind: 'unknown',
    path: [...path, name],
    message: `there is no parameter ${show(name)}; ${hint}`,
    ...(suggestion === undefined ? {} : { suggestion }),
  }
}

function missingParam(path: ParamViolation['path'], name: string, schema: JsonObject): ParamViolation {
  const spec = ((schema.properties ?? {}) as JsonObject)[name] as JsonObject | undefined
  const description = typeof spec?.description === 'string' ? `: ${spec.description}` : ''
  return { kind: 'missing', path: [...path, name], message: `parameter ${name} is required${description}` }
}

function wrongType(path: ParamViolation['path'], error: ErrorObject): ParamViolation {
  const wanted = [error.schema as string | readonly string[]].flat()
  const suggestion = converted(error.data as JsonValue, wanted)
  return {
    kind: 'type',
    path,
    message: `must be ${wanted.join(' or ')}, got ${typeNameOf(error.data)} ${show(error.data)}`,
    ...(suggestion === undefined ? {} : { suggestion }),
  }
}

/** A text that was quoted by mistake, or a value that lacks its quotes. */
function converted(value: JsonValue, wanted: readonly string[]): string | undefined {
  if (typeof value === 'string') {
    const word = value.trim()
    if (/^[+-]?\d+$/.test(word) && (wanted.includes('integer') || wanted.includes('number'))) return word
    if (word !== '' && Number.isFinite(Number(word)) && wanted.includes('number')) return word
    if (/^(true|false)$/i.test(word) && wanted.includes('boolean')) return word.toLowerCase()
    return wanted.includes('array') ? `[${word}]` : undefined
  }
  const isScalar = typeof value === 'number' || typeof value === 'boolean'
  return isScalar && wanted.includes('string') ? JSON.stringify(String(value)) : undefined
}

function rejection(
  path: ParamViolation['path'],
  error: ErrorObject,
  schema: JsonObject,
): ParamViolation | undefined {
  const rejected = (schema['x-rejected'] ?? []) as unknown as readonly RejectedValue[]
  const match = rejected.find((entry) =>
    entry.greater_than === undefined
      ? entry.value === error.data
      : typeof error.data === 'number' && error.data > entry.greater_than,
  )
  if (match === undefined) return undefined
  return { kind: 'rejected', path, message: `${show(error.data)} is not supported: ${match.reason}` }
}

function notAnOption(path: ParamViolation['path'], error: ErrorObject, schema: JsonObject): ParamViolation {
  const options = (schema.enum ?? [schema.const ?? null]) as readonly JsonValue[]
  const names = options.filter((option) => typeof option === 'string')
  const suggestion = typeof error.data === 'string' ? nearestName(error.data, names) : undefined
  return {
    kind: 'value',
    path,
    message: `must be one of ${options.map(show).join(', ')}; got ${show(error.data)}`,
    ...(suggestion === undefined ? {} : { suggestion }),
  }
}

const listOf = (names: readonly string[]): string =>
  names.length === 0 ? 'none' : names.length > 12 ? `${names.slice(0, 12).join(', ')} …` : names.join(', ')
