import { parseDurationMs } from '@celeriac/contracts'
import fc from 'fast-check'
import { expect, test } from 'vitest'

test.each([
  [10, 10_000],
  [0, 0],
  [0.25, 250],
  ['250ms', 250],
  ['10s', 10_000],
  ['10', 10_000],
  ['1.5h', 5_400_000],
  ['1h30m', 5_400_000],
  ['2d', 172_800_000],
  [' 5m ', 300_000],
])('%j is a duration', (value, expected) => {
  expect(parseDurationMs(value)).toBe(expected)
})

test.each([
  '',
  's',
  '10 s',
  '10x',
  '-5s',
  '5s later',
  '1e3s',
  '1h-30m',
  -1,
  Number.NaN,
  Infinity,
  true,
  null,
  ['5s'],
])('%j is no duration', (value) => {
  expect(parseDurationMs(value)).toBeNull()
})

test('any text gives a whole number of milliseconds or null', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('0', '1', '5', '.', 'm', 's', 'h', 'd', ' ') }), (text) => {
      const ms = parseDurationMs(text)
      expect(ms === null || (Number.isInteger(ms) && ms >= 0)).toBe(true)
    }),
  )
})
