import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { Inbox } from '../../src/engine/inbox.ts'

const anEvent = (runId: string) => ({ kind: 'event', runId, event: { type: 'run_created' } }) as const

function setup() {
  const clock = new FakeClock(1_000)
  return { clock, inbox: new Inbox(clock) }
}

test('the oldest event counts from its receipt until its batch is settled', () => {
  const { clock, inbox } = setup()
  expect(inbox.oldestAt).toBeNull()
  inbox.add(anEvent('r1'))
  clock.advance(10)
  inbox.add(anEvent('r2'))
  expect(inbox.take(1)).toMatchObject([{ runId: 'r1' }])
  expect(inbox.size).toBe(1)
  expect(inbox.oldestAt).toBe(1_000)
  inbox.settle()
  expect(inbox.oldestAt).toBe(1_010)
  inbox.take(9)
  inbox.settle()
  expect(inbox.oldestAt).toBeNull()
})

test('what is put off stays the oldest, and waits again when it is due', () => {
  const { clock, inbox } = setup()
  inbox.add(anEvent('r1'))
  const [item] = inbox.take(1)
  let calls = 0
  inbox.putOff(item!, 500, () => calls++)
  inbox.settle()
  expect([inbox.size, inbox.oldestAt, calls]).toEqual([0, 1_000, 0])
  clock.advance(500)
  expect([inbox.size, inbox.oldestAt, calls]).toEqual([1, 1_000, 1])
})

test('emptying gives all that waits', () => {
  const { inbox } = setup()
  inbox.add(anEvent('r1'))
  inbox.add(anEvent('r2'))
  expect(inbox.empty().map((item) => item.kind === 'event' && item.runId)).toEqual(['r1', 'r2'])
  expect([inbox.size, inbox.oldestAt]).toEqual([0, null])
})
