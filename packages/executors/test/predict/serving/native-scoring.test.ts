import { AppError } from '@celeriac/core'
import { expect, test } from 'vitest'
import type { Scorer } from '@celeriac/executors'
import { scoreNatively } from '../../../src/predict/serving/native-scoring.ts'
import { doublingScorer } from './setup.ts'

const rowsUpTo = (count: number) => Array.from({ length: count }, (_, index) => [index])

/** Each of its calls takes longer than a turn of the event loop may. */
const slowScorer: Scorer = {
  bytes: 0,
  score: (rows) => {
    for (const end = performance.now() + 4; performance.now() < end;);
    return doublingScorer.score(rows)
  },
}

test('few rows are answered at once', () => {
  expect(scoreNatively(doublingScorer, [[1], [2]], () => {})).toEqual([
    { predict_result: 2 },
    { predict_result: 4 },
  ])
})

test('what takes long lets others go between', async () => {
  let turns = 0
  const counting = setInterval(() => (turns += 1), 0)
  const answers = await scoreNatively(slowScorer, rowsUpTo(100), () => {})
  clearInterval(counting)
  expect(answers).toEqual(rowsUpTo(100).map(([x = 0]) => ({ predict_result: 2 * x })))
  expect(turns).toBeGreaterThan(1)
})

test('it ends when it may not go on', async () => {
  let asked = 0
  const scored = scoreNatively(slowScorer, rowsUpTo(1_000), () => {
    asked += 1
    if (asked === 2) throw new AppError('PREDICT_DEADLINE', 'late')
  })
  await expect(scored).rejects.toMatchObject({ code: 'PREDICT_DEADLINE' })
})

test('a bad row is named by its place in the request, not in the slice', async () => {
  const picky: Scorer = {
    bytes: 0,
    score: (rows) => {
      const bad = rows.findIndex(([x]) => x === 45)
      if (bad < 0) return doublingScorer.score(rows)
      const fields = [{ path: `rows[${bad}].x`, expected: 'not 45', got: '45' }]
      throw new AppError('VALIDATION_ROW_INVALID', 'bad', { details: { fields } })
    },
  }
  const scored = Promise.resolve().then(() => scoreNatively(picky, rowsUpTo(100), () => {}))
  await expect(scored).rejects.toMatchObject({
    details: { fields: [{ path: 'rows[45].x', expected: 'not 45' }] },
  })
})
