import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { creditDefaultCsv } from '../src/datasets/credit-default.ts'

const csv = (rows: number, seed: number): string => [...creditDefaultCsv({ rows, seed })].join('')

test('the same seed gives the same table, another seed another one', () => {
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
  expect(hash(csv(1_000, 1))).toBe(hash(csv(1_000, 1)))
  expect(hash(csv(1_000, 1))).not.toBe(hash(csv(1_000, 2)))
})

test('fewer rows are the beginning of more', () => {
  expect(csv(1_200, 1).startsWith(csv(700, 1))).toBe(true)
})

test('columns and ranges are those of the real data', () => {
  const [header, ...lines] = csv(5_000, 1).trimEnd().split('\n')
  const names = header!.split(',')
  expect(names).toHaveLength(25)
  expect(names.slice(0, 8)).toEqual([
    'ID',
    'LIMIT_BAL',
    'SEX',
    'EDUCATION',
    'MARRIAGE',
    'AGE',
    'PAY_0',
    'PAY_2',
  ])
  expect(names.at(-1)).toBe('default.payment.next.month')
  const rows = lines.map((line) => line.split(',').map(Number))
  expect(rows).toHaveLength(5_000)
  expect(rows.map((row) => row[0])).toEqual(rows.map((_, index) => index + 1))
  const column = (name: string): number[] => rows.map((row) => row[names.indexOf(name)]!)
  const bounds = (name: string): [number, number] => [Math.min(...column(name)), Math.max(...column(name))]
  expect(rows.flat().every(Number.isInteger)).toBe(true)
  expect(bounds('SEX')).toEqual([1, 2])
  expect(bounds('PAY_0')[0]).toBe(-2)
  expect(bounds('PAY_0')[1]).toBeLessThanOrEqual(8)
  expect(bounds('AGE')[0]).toBeGreaterThanOrEqual(21)
  expect(bounds('LIMIT_BAL')[0]).toBeGreaterThanOrEqual(10_000)
  const share = column('default.payment.next.month').reduce((sum, value) => sum + value, 0) / rows.length
  expect(share).toBeGreaterThan(0.18)
  expect(share).toBeLessThan(0.27)
})

test('no rows is a header', () => {
  expect(csv(0, 1).split('\n')).toHaveLength(2)
})
