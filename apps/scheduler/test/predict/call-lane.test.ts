import { expect, test } from 'vitest'
import { CallLane, type Call } from '../../src/predict/call-lane.ts'

const bounds = { rows: 256, bytes: 1_000 }
const aCall = (): Call => ({
  text: '[1]',
  bytes: 3,
  rows: 1,
  deadlineAt: 0,
  signal: undefined,
  isSettled: false,
  settle: () => undefined,
})

/** A lane with one message of `sent` calls under way, whose usual trip and scoring took so long. */
function lane(sent: number, tripMs: number, computeMs: number): CallLane {
  const made = new CallLane('file:///model', 256)
  for (let answer = 0; answer < 200; answer++) {
    made.answered(tripMs)
    made.scored(computeMs)
  }
  for (let call = 0; call < sent; call++) made.add(aCall())
  made.onSent(made.take(bounds).length)
  return made
}

test('beside a message under way another leaves with as many calls, where the way takes longer than the scoring', () => {
  const near = lane(3, 2, 0.1)
  near.add(aCall())
  near.add(aCall())
  expect(near.mayLeave(2)).toBe(false)
  near.add(aCall())
  expect([near.mayLeave(2), near.mayLeave(1)]).toEqual([true, false])
})

test('where scoring takes the time, the worker is kept busy', () => {
  const slow = lane(3, 10, 8)
  slow.add(aCall())
  expect(slow.mayLeave(2)).toBe(true)
})

test('nothing is held back while nothing is under way', () => {
  const idle = lane(3, 2, 0.1)
  idle.underWay--
  idle.add(aCall())
  expect(idle.mayLeave(2)).toBe(true)
})

test('a lane is quiet where calls come one after the other, and not where they come side by side', () => {
  const answered = (sent: number): CallLane => {
    const made = lane(sent, 2, 0.1)
    made.underWay--
    return made
  }
  expect([lane(1, 2, 0.1), answered(1), answered(2)].map(({ isQuiet }) => isQuiet)).toEqual([
    false,
    true,
    false,
  ])
  expect(new CallLane('file:///model', 256).isQuiet).toBe(true)
})

test('a message is overdue after four times of what is usual, but not at once', () => {
  expect(
    [new CallLane('file:///model', 256), lane(1, 2, 0.1), lane(1, 100, 0.1)].map((each) => each.overdueMs),
  ).toEqual([1_000, 25, 400])
})
