import { nearestName } from '@celeriac/contracts'
import { expect, test } from 'vitest'

test.each([
  ['algo_local_splitdata', 'algo_local_split_data'],
  ['Penalty', 'penalty'],
  ['spilt', 'split'],
  ['raed', 'read'],
  ['maxiter', 'max_iter'],
])('%s is nearest to %s', (name, expected) => {
  expect(nearestName(name, ['algo_local_split_data', 'penalty', 'split', 'read', 'max_iter'])).toBe(expected)
})

test.each(['colour', 'x', '', 'algo_dc_join', 'y'.repeat(10_000)])('nothing is near to %s', (name) => {
  expect(nearestName(name, ['algo_local_split_data', 'penalty', 'split', 'read', 'max_iter'])).toBeUndefined()
})

test('of equally near names the first counts', () => {
  expect(nearestName('b', ['a', 'c'])).toBe('a')
})
