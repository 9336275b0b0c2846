import { expect, test } from 'vitest'
import { WakeTimer } from '../../src/engine/wake-timer.ts'

test('the same wake asked for again and again is kept once, and can be asked for again when it was due', () => {
  let now = 0
  let fire = (): void => {}
  const due: number[] = []
  const timer = new WakeTimer(
    {
      now: () => now,
      after: (_delayMs, action) => {
        fire = action
        return () => {}
      },
    },
    ({ at }) => due.push(at),
  )
  const deadline = { at: 10, event: { type: 'deadline_passed', ordinal: 0, attempt: 1 } } as const
  for (let count = 0; count < 1_000; count++) timer.add('run-1', [deadline, null])
  timer.add('run-1', [{ ...deadline, at: 20 }])
  timer.add('run-2', [deadline])
  now = 10
  fire()
  expect(due).toEqual([10, 10])
  timer.add('run-1', [deadline])
  now = 20
  fire()
  expect(due).toEqual([10, 10, 10, 20])
})
