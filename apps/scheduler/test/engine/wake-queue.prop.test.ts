import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WakeQueue } from '../../src/engine/wake-queue.ts'

const event = { type: 'cancel_deadline' } as const

test('wakes come out in the order of their time, all that are due and no others', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 100 })), fc.nat({ max: 100 }), (times, now) => {
      const queue = new WakeQueue()
      for (const [index, at] of times.entries()) queue.add({ at, runId: String(index), event })
      const due = queue.takeDue(now).map(({ at }) => at)
      expect(due).toEqual(times.filter((at) => at <= now).toSorted((a, b) => a - b))
      expect(queue.size).toBe(times.length - due.length)
      const rest = times.filter((at) => at > now)
      expect(queue.nextAt()).toBe(rest.length === 0 ? null : Math.min(...rest))
    }),
  )
})
