import { expect, test } from 'vitest'
import { MessageCost } from '../../src/predict/message-cost.ts'

const costOf = (messages: readonly (readonly [rows: number, ms: number])[]): number => {
  const cost = new MessageCost()
  for (const [rows, ms] of messages) cost.add(rows, ms)
  return cost.fixedMs
}

test('the fixed part of what messages cost is told from what their rows add', () => {
  expect(costOf([])).toBe(0)
  expect(
    costOf([
      [1, 32],
      [10, 50],
      [200, 430],
    ]),
  ).toBeCloseTo(30)
  expect(
    costOf([
      [1, 2],
      [256, 512],
    ]),
  ).toBe(0)
})

test('of messages of one size all counts as fixed', () => {
  expect(
    costOf([
      [40, 80],
      [40, 80],
    ]),
  ).toBe(80)
})

test('what is odd gives no more than a message costs, and no less than nothing', () => {
  // More rows took less, as it may look on a busy machine.
  expect(
    costOf([
      [1, 100],
      [64, 10],
    ]),
  ).toBe(10)
  expect(
    costOf([
      [64, 1],
      [128, 1_000],
    ]),
  ).toBe(0)
})

test('a model that becomes dearer is noticed', () => {
  const cost = new MessageCost()
  for (const ms of [...Array<number>(50).fill(5), ...Array<number>(50).fill(50)]) {
    cost.add(1, ms)
    cost.add(100, ms)
  }
  expect(cost.fixedMs).toBeGreaterThan(45)
})

test('a message counts once, however many callers it answers, and a slow one for little', () => {
  const cost = new MessageCost()
  cost.add(100, 100)
  cost.add(1, 2)
  for (let answer = 0; answer < 50; answer++) cost.add(100, 300)
  expect(cost.fixedMs).toBeLessThan(2)
  cost.add(1, 10)
  cost.add(100, 100)
  expect(cost.fixedMs).toBeLessThan(3)
})
