import { expect, test } from 'vitest'
import { FakeClock } from '../src/fake-clock.ts'

test('time stands still until it is moved', () => {
  const clock = new FakeClock(1_000)
  expect(clock.now()).toBe(1_000)
  clock.advance(500)
  expect(clock.now()).toBe(1_500)
})

test('actions run in the order in which they are due, each at its own time', () => {
  const clock = new FakeClock(0)
  const seen: string[] = []
  clock.after(20, () => seen.push(`b ${clock.now()}`))
  clock.after(10, () => seen.push(`a ${clock.now()}`))
  clock.after(20, () => seen.push(`c ${clock.now()}`))
  clock.advance(19)
  expect(seen).toEqual(['a 10'])
  clock.advance(1)
  expect(seen).toEqual(['a 10', 'b 20', 'c 20'])
  expect(clock.pending).toBe(0)
})

test('an action may set another one that falls due on the way', () => {
  const clock = new FakeClock(0)
  const seen: number[] = []
  const tick = (): void => {
    seen.push(clock.now())
    clock.after(10, tick)
  }
  clock.after(10, tick)
  clock.advance(35)
  expect(seen).toEqual([10, 20, 30])
})

test('a cancelled action does not run', () => {
  const clock = new FakeClock(0)
  const seen: string[] = []
  const cancel = clock.after(10, () => seen.push('never'))
  cancel()
  cancel()
  clock.advance(100)
  expect(seen).toEqual([])
})
