import type { CheckedRow, Prediction } from '@celeriac/contracts'
import { messageOf, type JsonValue } from '@celeriac/core'
import type { Scorer, ServingReport } from './scorer.ts'

/** A row of the sample, and what Python answered. */
export interface VerifiedRow {
  readonly row: CheckedRow
  readonly expected: Prediction
}

/**
 * Whether the scorer says what Python said. Labels and clusters must be equal; numbers may differ by `tolerance`,
 * relative to those above 1 in magnitude.
 */
export function verifyScorer(
  scorer: Scorer,
  sample: readonly VerifiedRow[],
  tolerance: number,
): ServingReport {
  const report = (reason: string | null, maxDifference: number | null): ServingReport => ({
    runtime: reason === null ? 'native' : 'python',
    reason,
    maxDifference,
    tolerance,
    rows: sample.length,
  })
  if (sample.length === 0) return report(null, null)
  let answers: readonly Prediction[]
  try {
    answers = scorer.score(sample.map(({ row }) => row))
  } catch (error) {
    return report(`the native scorer refuses a row of the sample: ${messageOf(error)}`, null)
  }
  let greatest = 0
  for (const [index, { expected }] of sample.entries()) {
    const difference = differenceOf(answers[index], expected)
    if (difference === null)
      return report(`the native scorer answers row ${index} of the sample otherwise`, null)
    greatest = Math.max(greatest, difference)
  }
  if (greatest <= tolerance) return report(null, greatest)
  return report(`the native scorer differs from Python by ${greatest}, more than ${tolerance}`, greatest)
}

/** Null: not the same keys, labels or types. */
function differenceOf(given: JsonValue | undefined, expected: JsonValue | undefined): number | null {
  if (typeof given === 'number' && typeof expected === 'number')
    return Math.abs(given - expected) / Math.max(1, Math.abs(expected))
  if (!isObject(given) || !isObject(expected)) return given === expected ? 0 : null
  const names = Object.keys(expected)
  if (names.length !== Object.keys(given).length) return null
  let greatest = 0
  for (const name of names) {
    const isLabel = (name === 'predict_result' && 'probabilities' in expected) || name === 'cluster'
    const difference = differenceOf(given[name], expected[name])
    if (difference === null || (isLabel && difference !== 0)) return null
    greatest = Math.max(greatest, difference)
  }
  return greatest
}

const isObject = (value: JsonValue | undefined): value is { readonly [name: string]: JsonValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
