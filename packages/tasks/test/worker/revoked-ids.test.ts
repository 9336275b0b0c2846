import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { RevokedIds } from '../../src/worker/revoked-ids.ts'

test('revoked ids are forgotten after their time', () => {
  const clock = new FakeClock()
  const revoked = new RevokedIds(clock, { maxAgeMs: 1_000 })
  revoked.add('a')
  clock.advance(999)
  expect(revoked.has('a')).toBe(true)
  clock.advance(1)
  expect(revoked.has('a')).toBe(false)
  revoked.add('b')
  expect(revoked.size).toBe(1)
})

test('the oldest revoked ids go first; a repeated one counts as new', () => {
  const revoked = new RevokedIds(new FakeClock(), { maxIds: 3 })
  for (const id of ['a', 'b', 'c', 'a', 'd']) revoked.add(id)
  expect(['a', 'b', 'c', 'd'].map((id) => revoked.has(id))).toEqual([true, false, true, true])
})
