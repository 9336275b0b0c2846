import type { JsonValue } from '@celeriac/core'
import type { z } from 'zod'
import { show, typeNameOf } from '../show-value.ts'
import type { DocumentPath } from './document-path.ts'
import type { ProblemList } from './problem-list.ts'

type Issue = z.core.$ZodIssue

const typeNames: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'a mapping',
  record: 'a mapping',
  string: 'a text',
}

/**
 * Checks one value of the document against its schema. Problems are reported with their place; the result is null
 * when there are any.
 */
export function checkSchema<S extends z.ZodType>(
  schema: S,
  value: JsonValue,
  path: DocumentPath,
  problems: ProblemList,
): z.output<S> | null {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  for (const issue of parsed.error.issues) addIssue(issue, value, path, problems)
  return null
}

function valueAt(value: JsonValue, steps: readonly PropertyKey[]): JsonValue | undefined {
  let current: JsonValue | undefined = value
  for (const step of steps) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, step)) return undefined
    current = (current as Readonly<Record<PropertyKey, JsonValue>>)[step]
  }
  return current
}

function addIssue(issue: Issue, value: JsonValue, base: DocumentPath, problems: ProblemList): void {
  const steps = issue.path as readonly (string | number)[]
  const path = [...base, ...steps]
  const given = valueAt(value, steps)
  const name = String(steps.at(-1) ?? base.at(-1) ?? 'the value')
  if (given === undefined) {
    problems.add({ code: 'missing_key', message: `${name} is required`, path })
    return
  }
  if (issue.code === 'invalid_type') {
    const wanted = typeNames[issue.expected] ?? issue.expected
    problems.add({
      code: 'wrong_type',
      message: `${name} must be ${wanted}, got ${typeNameOf(given)} ${show(given)}`,
      path,
      suggestion: converted(given, issue.expected),
    })
    return
  }
  if (issue.code === 'invalid_value') {
    const options = issue.values.map(String)
    problems.add({
      code: 'invalid_value',
      message: `${name} must be one of ${options.join(', ')}; got ${show(given)}`,
      path,
      suggestion: typeof given === 'string' ? problems.nearest(given, options) : undefined,
    })
    return
  }
  problems.add({ code: 'invalid_value', message: `${name} ${boundOf(issue)}; got ${show(given)}`, path })
}

function boundOf(issue: Issue): string {
  if (issue.code === 'too_small') return `must be at least ${issue.minimum}`
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}`
  return issue.message
}

/** The value with or without quotes, where that is what was meant. */
export function converted(given: JsonValue, wanted: string): string | undefined {
  if (wanted === 'string') {
    return typeof given === 'number' || typeof given === 'boolean' ? JSON.stringify(String(given)) : undefined
  }
  if (typeof given !== 'string') return undefined
  const word = given.trim()
  if (wanted === 'boolean') return /^(true|false)$/i.test(word) ? word.toLowerCase() : undefined
  if (wanted !== 'number' && wanted !== 'int') return undefined
  return /^[+-]?\d+(\.\d+)?$/.test(word) ? word : undefined
}
