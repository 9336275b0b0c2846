import { show } from '../show-value.ts'
import type { Cell, ModelSignature, SignatureColumn } from './model-signature.ts'

/** A value that does not fit, in the words of every protocol: where, what is wanted, what came. */
export interface RowProblem {
  /** `rows[3].age`. */
  readonly path: string
  readonly expected: string
  readonly got: string
}

/** What came in: rows by name, or as lists in the order of `columns` (null: of the signature). */
export type GivenRow = Readonly<Record<string, unknown>> | readonly unknown[]

/** Rows in the order of the signature's inputs, every cell of the type that is wanted, or null where that is allowed. */
export type CheckedRow = readonly Cell[]

/** More are not told: whoever sends thousands of wrong rows has one fault, not thousands. */
const mostProblems = 20

/**
 * Rows against a model's signature; the same rules as `Deployment._to_table` in Python. Values that no input names are
 * left out. Pure; costs about one property access per cell, since it stands in front of every prediction.
 */
export function checkRows(
  { inputs }: Pick<ModelSignature, 'inputs'>,
  rows: readonly GivenRow[],
  columns: readonly string[] | null,
): { readonly rows: readonly CheckedRow[]; readonly problems: readonly RowProblem[] } {
  const names = columns ?? inputs.map(({ name }) => name)
  const places = columns === null ? null : placesOf(columns)
  const named = inputs.map((column, index) => ({
    column,
    place: places === null ? index : (places.get(column.name) ?? -1),
  }))
  const problems: RowProblem[] = []
  const report = (path: string, expected: string, got: string): void => {
    if (problems.length < mostProblems) problems.push({ path, expected, got })
  }
  const checked = rows.map((row, index) => {
    const isList = Array.isArray(row)
    if (isList && row.length !== names.length) {
      report(`rows[${index}]`, `an object, or a list of ${names.length} values`, `a list of ${row.length}`)
      return []
    }
    return named.map(({ column, place }) => {
      const value: unknown = isList
        ? (row as readonly unknown[])[place]
        : (row as Readonly<Record<string, unknown>>)[column.name]
      if (isFitting(value, column)) return value ?? null
      // Names that every object has are not in the row.
      const isAbsent = value === undefined || (!isList && !Object.hasOwn(row, column.name))
      if (!isAbsent || !column.nullable)
        report(`rows[${index}].${column.name}`, column.type, isAbsent ? 'nothing' : show(value))
      return null
    })
  })
  return { rows: checked, problems }
}

/** The first of equal names counts. */
function placesOf(columns: readonly string[]): ReadonlyMap<string, number> {
  const places = new Map<string, number>()
  for (const [place, name] of columns.entries()) if (!places.has(name)) places.set(name, place)
  return places
}

function isFitting(value: unknown, { type, nullable }: SignatureColumn): value is Cell | undefined {
  if (value === null || value === undefined) return nullable
  switch (type) {
    case 'number':
      return typeof value === 'number' && Number.isFinite(value)
    case 'datetime':
      return typeof value === 'string' && isMoment(value)
    case 'string':
    case 'boolean':
      return typeof value === type
  }
}

const moment =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(?:Z|[+-](\d{2}):(\d{2}))?)?$/

/** A date, or a date and a time, in the part of ISO 8601 that Python's `fromisoformat` reads as well. */
function isMoment(text: string): boolean {
  const parts = moment.exec(text)
  if (parts === null) return false
  const [, year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, zoneHour = 0, zoneMinute = 0] =
    parts.map(Number)
  // Python's years begin with 1. What was left out is NaN, and not too large.
  const isDay = year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month)
  const isTime = !(hour > 23 || minute > 59 || second > 59)
  return isDay && isTime && !(zoneHour > 23 || zoneMinute > 59)
}

function daysOf(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return isLeap ? 29 : 28
}
