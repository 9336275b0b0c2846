import { expect, test } from 'vitest'
import { boundsByName } from './bounds.ts'
import { explore } from './explore.ts'

test('within the small bounds every property of hand-over and takeover holds', () => {
  const { states, violation } = explore(boundsByName.small)
  expect(violation).toBeNull()
  // An exploration that reaches next to nothing would hold as well.
  expect(states).toBeGreaterThan(10_000)
})
