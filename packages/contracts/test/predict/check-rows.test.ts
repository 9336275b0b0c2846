import { expect, test } from 'vitest'
import { checkRows, type SignatureColumn } from '../../src/index.ts'

const column = (type: SignatureColumn['type'], nullable = false): { inputs: SignatureColumn[] } => ({
  inputs: [{ name: 'x', type, nullable }],
})
const fits = (type: SignatureColumn['type'], value: unknown): boolean =>
  checkRows(column(type), [{ x: value }], null).problems.length === 0

// The same cases stand in packages/operators/tests/test_serving_moments.py: both sides must agree.
test.each([
  ['2024-02-29', true],
  ['2023-02-29', false],
  ['1900-02-29', false],
  ['2000-02-29', true],
  ['2024-04-31', false],
  ['2024-13-01', false],
  ['0000-01-01', false],
  ['0001-01-01', true],
  ['2024-01-01T00:00', true],
  ['2024-01-01 23:59:59.123456', true],
  ['2024-01-01T23:59:59Z', true],
  ['2024-01-01T23:59:59+08:00', true],
  ['2024-01-01T24:00:00', false],
  ['2024-01-01T12:60:00', false],
  ['2024-01-01T12:00:60', false],
  ['2024-01-01T12', false],
  ['2024-1-1', false],
  ['20240101', false],
  ['2024-W01-1', false],
  ['January 1, 2024', false],
  ['2024', false],
  ['', false],
])('%j is a moment: %s', (text, isMoment) => {
  expect(fits('datetime', text)).toBe(isMoment)
})

test.each([
  ['number', 1.5, true],
  ['number', '1', false],
  ['number', Number.NaN, false],
  ['number', true, false],
  ['string', '', true],
  ['string', 1, false],
  ['boolean', false, true],
  ['boolean', 0, false],
  ['datetime', 0, false],
] as const)('a column of type %s takes %j: %s', (type, value, isTaken) => {
  expect(fits(type, value)).toBe(isTaken)
})

test('names that every object has are not in a row', () => {
  const inputs: SignatureColumn[] = ['constructor', 'toString'].map((name, place) => ({
    name,
    type: 'string',
    nullable: place === 0,
  }))
  expect(checkRows({ inputs }, [{}], null)).toEqual({
    rows: [[null, null]],
    problems: [{ path: 'rows[0].toString', expected: 'string', got: 'nothing' }],
  })
})

test('lists are read by the names of the columns, and what no input names is left out', () => {
  const inputs: SignatureColumn[] = ['a', 'b'].map((name) => ({ name, type: 'number', nullable: true }))
  expect(checkRows({ inputs }, [[1, 2, 3], { b: 4, c: 5 }], ['b', 'c', 'a'])).toEqual({
    rows: [
      [3, 1],
      [null, 4],
    ],
    problems: [],
  })
  expect(checkRows({ inputs }, [[1]], null).problems).toMatchObject([{ path: 'rows[0]', got: 'a list of 1' }])
})

test('all problems are told, but not thousands', () => {
  const rows = Array.from({ length: 1_000 }, () => ({ x: 'no' }))
  expect(checkRows(column('number'), rows, null).problems).toHaveLength(20)
})
