import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chooseSide, placeOf } from '../../src/predict/choose-side.ts'
import { aModelVersion } from '../http/fake-predictions.ts'

const primary = aModelVersion({ version: 1 })
const version = aModelVersion({ version: 2 })
const withCanary = (percent: number) => ({ name: 'm', primary, canary: { version, percent } })

test.each([
  [0, 0, 'primary'],
  [10, 0.099, 'canary'],
  [10, 0.1, 'primary'],
  [100, 0.999_999, 'canary'],
  [0.5, 0.004, 'canary'],
])('of %d %% canary the place %d goes to the %s', (percent, place, route) => {
  expect(chooseSide(withCanary(percent), undefined, () => place).route).toBe(route)
})

test('without a canary everything goes to the primary', () => {
  expect(chooseSide({ name: 'm', primary, canary: null }, 'key', () => 0)).toEqual({
    model: primary,
    route: 'primary',
  })
})

test('a sticky key keeps its side, also when the share grows', () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(100), fc.nat(100), (key, one, other) => {
      const side = (percent: number) => chooseSide(withCanary(percent), key, () => 1 / 0).route
      expect(side(one)).toBe(side(one))
      if (side(Math.min(one, other)) === 'canary') expect(side(Math.max(one, other))).toBe('canary')
    }),
  )
})

test('keys that are alike are spread evenly', () => {
  const canaries = Array.from({ length: 10_000 }, (_, id) => placeOf(`m\n2\ncustomer-${id}`)).filter(
    (place) => place < 0.1,
  )
  expect(canaries.length).toBeGreaterThan(850)
  expect(canaries.length).toBeLessThan(1_150)
})
