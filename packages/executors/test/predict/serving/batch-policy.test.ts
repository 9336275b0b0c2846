import { expect, test } from 'vitest'
import { decideBatch, type BatchQuestion } from '../../../src/predict/serving/batch-policy.ts'

const aQuestion = (given: Partial<BatchQuestion> = {}): BatchQuestion => ({
  requests: 2,
  rows: 2,
  oldestLeftMs: 1_000,
  newestWaitMs: 0,
  cost: { perRowMs: 0.1, perBatchMs: 1 },
  meanWaitMs: 0,
  maxRows: 100,
  ...given,
})

test('when nobody has waited so far, nothing waits', () => {
  expect(decideBatch(aQuestion())).toBe('send')
  expect(decideBatch(aQuestion({ requests: 1, rows: 1 }))).toBe('send')
})

test('waiting pays while its price is below what requests wait anyway', () => {
  // 2 rows × (0 + 1 + 0.1) ms = 2.2 ms
  expect(decideBatch(aQuestion({ meanWaitMs: 2.4 }))).toBe('wait')
  expect(decideBatch(aQuestion({ meanWaitMs: 2.3 }))).toBe('send')
  expect(decideBatch(aQuestion({ meanWaitMs: 2.4, newestWaitMs: 0.1 }))).toBe('send')
})

test('a full batch waits for nothing', () => {
  expect(decideBatch(aQuestion({ rows: 100, meanWaitMs: 1e9 }))).toBe('send')
})

test('the oldest is refused when the batch would be done at its deadline or later', () => {
  // 2 rows: 1.2 ms
  expect(decideBatch(aQuestion({ oldestLeftMs: 1.2 }))).toBe('shed')
  expect(decideBatch(aQuestion({ oldestLeftMs: 1.3 }))).toBe('send')
})

test('no batch is larger than the largest, so more rows behind it refuse nobody', () => {
  expect(decideBatch(aQuestion({ rows: 100_000, oldestLeftMs: 12 }))).toBe('send')
})

test('a lone request is tried, however little time it has', () => {
  expect(decideBatch(aQuestion({ requests: 1, rows: 50, oldestLeftMs: 0.1 }))).toBe('send')
})
