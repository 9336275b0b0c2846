import { expect, test } from 'vitest'
import { championToRestore, leadingAlias, type ModelChangeKind } from '../src/index.ts'

test.each([
  [[], null],
  [['blue', 'candidate', 'champion'], 'champion'],
  [['blue', 'candidate'], 'candidate'],
  [['blue', 'green'], 'blue'],
])('of %j the alias to show is %j', (aliases, shown) => {
  expect(leadingAlias(aliases)).toBe(shown)
})

/** Versions of the champion one after another; `back` is a rollback. */
const changes = (steps: readonly (number | 'back')[]) => {
  const list: { kind: ModelChangeKind; previousVersion: number | null }[] = []
  let champion: number | null = null
  for (const step of steps) {
    const to: number | null = step === 'back' ? championToRestore(list) : step
    list.unshift({ kind: step === 'back' ? 'rolled_back' : 'promoted', previousVersion: champion })
    champion = to
  }
  return list
}

test.each([
  [[], null],
  [[1], null],
  [[1, 2], 1],
  [[1, 2, 3], 2],
  [[1, 2, 3, 'back'], 1],
  [[1, 2, 3, 'back', 'back'], null],
  [[1, 2, 3, 'back', 4], 2],
  [[1, 2, 3, 'back', 4, 'back'], 1],
  [[1, 2, 1, 2], 1],
] as const)('after %j a rollback restores %j', (steps, version) => {
  expect(championToRestore(changes(steps))).toBe(version)
})
