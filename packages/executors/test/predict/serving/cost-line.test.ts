import { expect, test } from 'vitest'
import { BatchCosts, fitCostLine } from '../../../src/predict/serving/cost-line.ts'

const at = (rows: number, elapsedMs: number, waitMs = 0) => ({ rows, elapsedMs, waitMs })

test('the line goes through batches that lie on one', () => {
  const { perRowMs, perBatchMs } = fitCostLine([at(1, 2.5), at(2, 3), at(10, 7)])
  expect(perRowMs).toBeCloseTo(0.5, 9)
  expect(perBatchMs).toBeCloseTo(2, 9)
})

test('batches of one size say nothing about rows: all of it is the price of the batch', () => {
  expect(fitCostLine([at(4, 2), at(4, 4)])).toEqual({ perRowMs: 0, perBatchMs: 3 })
  expect(fitCostLine([])).toEqual({ perRowMs: 0, perBatchMs: 0 })
})

test('neither slope nor intercept is negative', () => {
  expect(fitCostLine([at(1, 5), at(9, 1)])).toEqual({ perRowMs: 0, perBatchMs: 3 })
  // The best line has its intercept at -8.
  expect(fitCostLine([at(1, 2), at(3, 22)])).toEqual({ perRowMs: 6, perBatchMs: 0 })
})

test('the first batches count at once, later ones every five seconds', () => {
  const costs = new BatchCosts()
  for (let n = 1; n <= 8; n++) costs.record(at(n, n), 0)
  expect(costs.line.perRowMs).toBeCloseTo(1, 9)
  for (let n = 1; n <= 8; n++) costs.record(at(n, 3 * n, 4), 4_999)
  expect(costs.line.perRowMs).toBeCloseTo(1, 9)
  expect(costs.meanWaitMs).toBe(0)
  costs.record(at(8, 24, 4), 5_000)
  expect(costs.line.perRowMs).toBeGreaterThan(1.5)
  expect(costs.meanWaitMs).toBeCloseTo((9 * 4) / 17, 9)
})

test('what is more than fifty batches ago is forgotten', () => {
  const costs = new BatchCosts()
  costs.record(at(1, 1_000), 0)
  for (let n = 1; n <= 50; n++) costs.record(at(n, n), n * 5_000)
  expect(costs.line.perRowMs).toBeCloseTo(1, 9)
})
