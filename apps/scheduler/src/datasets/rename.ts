import { fieldProblem, invalidInput } from '../http/check-input.ts'

export interface Rename {
  /** Name in the file → name that operators see. */
  readonly names: Readonly<Record<string, string>>
  /** What is wrong with the renaming of this header. */
  faultsOf(header: readonly string[]): readonly string[]
}

/**
 * Reads `old:new` pairs (the last colon divides, so that `a:b:c` renames `a:b`), or JSON objects for new names that
 * hold a colon. Throws VALIDATION_BODY_INVALID.
 */
export function parseRename(texts: readonly string[]): Rename {
  const names: Record<string, string> = Object.create(null) as Record<string, string>
  for (const text of texts) for (const [from, to] of pairsOf(text)) names[from] = to
  return { names: { ...names }, faultsOf: (header) => faultsOf(header, names) }
}

function pairsOf(text: string): [string, string][] {
  if (text.startsWith('{')) return Object.entries(objectOf(text))
  const colon = text.lastIndexOf(':')
  const pair: [string, string] = [text.slice(0, colon), text.slice(colon + 1)]
  if (colon < 1 || pair[1].trim() === '') throw notARename(text)
  return [pair]
}

function objectOf(text: string): Record<string, string> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw notARename(text)
  }
  const isRename =
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((name) => typeof name === 'string' && name.trim() !== '')
  if (!isRename) throw notARename(text)
  return value as Record<string, string>
}

const notARename = (text: string) =>
  invalidInput('the query does not fit its schema', [
    fieldProblem('query.rename', `"${text.slice(0, 200)}" is not of the form old:new (or {"old":"new"})`),
  ])

export const applyRename = (header: readonly string[], { names }: Rename): readonly string[] =>
  header.map((name) => (Object.hasOwn(names, name) ? (names[name] ?? name) : name))

function faultsOf(header: readonly string[], names: Readonly<Record<string, string>>): string[] {
  const faults = Object.keys(names)
    .filter((from) => !header.includes(from))
    .map((from) => `there is no column "${from}" to rename; the columns are ${listing(header)}`)
  const renamed = header.map((name) => names[name] ?? name)
  const times = (list: readonly string[], name: string): number => list.filter((item) => item === name).length
  for (const name of new Set(Object.values(names)))
    if (times(renamed, name) > Math.max(1, times(header, name)))
      faults.push(`two columns would be named "${name}"`)
  return faults
}

const listing = (names: readonly string[]): string =>
  names.length <= 30 ? names.join(', ') : `${names.slice(0, 30).join(', ')} and ${names.length - 30} more`
