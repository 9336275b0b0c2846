import fc from 'fast-check'
import { expect, test } from 'vitest'
import { topicMatches } from '../src/memory/routing.ts'

/** The definition, as a regular expression over words that each end with a dot. */
function asRegExp(pattern: string): RegExp {
  const parts = pattern.split('.').map((word) => {
    if (word === '#') return '(?:[^.]*\\.)*'
    if (word === '*') return '[^.]*\\.'
    return `${word}\\.`
  })
  return new RegExp(`^${parts.join('')}$`)
}

const words = (...of: string[]) => fc.array(fc.constantFrom(...of), { minLength: 1, maxLength: 6 })

test('a topic pattern matches what its definition matches', () => {
  fc.assert(
    fc.property(words('a', 'b', '*', '#'), words('a', 'b', 'c'), (pattern, key) => {
      expect(topicMatches(pattern.join('.'), key.join('.'))).toBe(
        asRegExp(pattern.join('.')).test(`${key.join('.')}.`),
      )
    }),
    { numRuns: 1_000 },
  )
})

test.each([
  ['#', '', true],
  ['*', '', false],
  ['', '', true],
  ['', 'a', false],
  ['#.#', '', true],
  ['a.#', 'a', true],
])('%j with the key %j: %s', (pattern, key, matches) => {
  expect(topicMatches(pattern, key)).toBe(matches)
})
