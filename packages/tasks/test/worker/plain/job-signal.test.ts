import { expect, test } from 'vitest'
import { JobSignal } from '../../../src/worker/pool/job-signal.ts'

test('a signal that is asked for late has the reason of the first abort', () => {
  const late = new JobSignal()
  const [first, second] = [new Error('first'), new Error('second')]
  late.abort(first)
  late.abort(second)
  expect(late.signal.aborted).toBe(true)
  expect(late.signal.reason).toBe(first)
  expect(late.signal).toBe(late.signal)
})

test('a signal that is asked for early is aborted when the job is', () => {
  const early = new JobSignal()
  const reasons: unknown[] = []
  early.signal.addEventListener('abort', () => reasons.push(early.signal.reason))
  expect(early.signal.aborted).toBe(false)
  const reason = new Error('ended')
  early.abort(reason)
  expect(reasons).toEqual([reason])
})
