import type { CheckedRow, Prediction } from '@celeriac/contracts'
import { AppError, isAppError, type JsonObject, type JsonValue } from '@celeriac/core'
import { setImmediate } from 'node:timers/promises'
import type { Scorer } from '../scorer.ts'

/** Rows between two looks at the clock. */
const sliceRows = 16
/** A turn of the event loop at most: heartbeats, acks and other requests wait meanwhile. */
const turnMs = 3

/**
 * Scores in this process, in slices: what takes longer than a turn lets others go between. `mayGoOn` is asked after each
 * turn; its error ends the scoring.
 */
export function scoreNatively(
  scorer: Scorer,
  rows: readonly CheckedRow[],
  mayGoOn: () => void,
): readonly Prediction[] | Promise<readonly Prediction[]> {
  if (rows.length <= sliceRows) return scorer.score(rows)
  const answers: Prediction[] = []
  return scoreTurn(scorer, rows, answers) ? answers : scoreRest(scorer, rows, answers, mayGoOn)
}

/** True when all rows are answered. */
function scoreTurn(scorer: Scorer, rows: readonly CheckedRow[], answers: Prediction[]): boolean {
  const endsAt = performance.now() + turnMs
  while (answers.length < rows.length) {
    const first = answers.length
    try {
      answers.push(...scorer.score(rows.slice(first, first + sliceRows)))
    } catch (error) {
      throw first === 0 ? error : withRowsFrom(first, error)
    }
    if (performance.now() > endsAt) break
  }
  return answers.length >= rows.length
}

async function scoreRest(
  scorer: Scorer,
  rows: readonly CheckedRow[],
  answers: Prediction[],
  mayGoOn: () => void,
): Promise<readonly Prediction[]> {
  do {
    await setImmediate()
    mayGoOn()
  } while (!scoreTurn(scorer, rows, answers))
  return answers
}

/** A slice's problem in the words of the whole: `rows[3]` of the slice that starts at 16 is `rows[19]`. */
function withRowsFrom(first: number, error: unknown): unknown {
  if (!isAppError(error) || error.code !== 'VALIDATION_ROW_INVALID') return error
  const { fields } = error.details
  if (!Array.isArray(fields)) return error
  const moved = (fields as readonly JsonValue[]).map((field) => {
    const path = (field as JsonObject | null)?.['path']
    if (typeof path !== 'string') return field
    const inWhole = path.replace(/^rows\[(\d+)\]/, (_, index) => `rows[${Number(index) + first}]`)
    return { ...(field as JsonObject), path: inWhole }
  })
  return new AppError(error.code, error.message, { details: { ...error.details, fields: moved } })
}
