import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  chooseDispatch,
  decideTrigger,
  errorCodes,
  isErrorCode,
  operatorTaskStates,
  operatorTaskTransitions,
  partitionCount,
  partitionOf,
  retryDelayMs,
  runStates,
  runTransitions,
  wakeOfTask,
} from '../src/index.ts'
import { RunHarness } from './builders.ts'

test.each([
  ['all_success', ['succeeded', 'running'], 'wait'],
  ['all_success', ['succeeded', 'succeeded'], 'run'],
  ['all_success', ['running', 'failed'], 'upstream_failed'],
  ['all_success', ['running', 'upstream_failed'], 'upstream_failed'],
  ['all_success', ['running', 'skipped'], 'skip'],
  ['all_done', ['failed', 'running'], 'wait'],
  ['all_done', ['failed', 'skipped', 'upstream_failed'], 'run'],
  ['one_success', ['failed', 'succeeded', 'running'], 'run'],
  ['one_success', ['failed', 'running'], 'wait'],
  ['one_success', ['failed', 'skipped'], 'upstream_failed'],
  ['one_success', ['skipped', 'skipped'], 'skip'],
  ['none_failed', ['succeeded', 'skipped'], 'run'],
  ['none_failed', ['skipped', 'skipped'], 'skip'],
  ['none_failed', ['running', 'failed'], 'upstream_failed'],
  ['none_failed', ['running', 'succeeded'], 'wait'],
  ['one_success', [], 'run'],
] as const)('%s over %j: %s', (rule, upstream, verdict) => {
  expect(decideTrigger(rule, upstream)).toBe(verdict)
})

test('the backoff doubles up to its bound', () => {
  const policy = { max: 9, backoffMs: 100, backoffMaxMs: 1_000, jitter: false }
  expect([1, 2, 3, 4, 5, 60, 2_000].map((retry) => retryDelayMs(policy, retry, 0))).toEqual([
    100, 200, 400, 800, 1_000, 1_000, 1_000,
  ])
})

test('with jitter a delay lies between 1 ms and the full delay', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100_000 }),
      fc.integer({ min: 1, max: 40 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (backoffMs, retry, draw) => {
        const policy = { max: 50, backoffMs, backoffMaxMs: 600_000, jitter: true }
        const delay = retryDelayMs(policy, retry, draw)
        expect(delay).toBeGreaterThanOrEqual(1)
        expect(delay).toBeLessThanOrEqual(retryDelayMs({ ...policy, jitter: false }, retry, 0))
        expect(Number.isInteger(delay)).toBe(true)
      },
    ),
  )
})

test('dispatch is first in, first out, and stable among equals', () => {
  const ready = [3, 1, 2, 1].map((readyAt, ordinal) => ({ runId: 'r', ordinal, executor: 'local', readyAt }))
  expect(chooseDispatch(ready).map(({ ordinal }) => ordinal)).toEqual([1, 3, 2, 0])
})

test('the partition of a run never changes between releases', () => {
  expect(['', 'a', '0193a1b2-0000-7000-8000-000000000000'].map(partitionOf)).toEqual([5, 4, 3])
})

test('runs spread evenly over the partitions', () => {
  const counts = Array.from({ length: partitionCount }, () => 0)
  for (let index = 0; index < 8_000; index++) counts[partitionOf(`0193a1b2-${index}`)]!++
  expect(Math.min(...counts)).toBeGreaterThan(800)
  expect(Math.max(...counts)).toBeLessThan(1_200)
})

test('the transition tables name known states only, and every state can be reached', () => {
  for (const [table, states] of [
    [operatorTaskTransitions, operatorTaskStates],
    [runTransitions, runStates],
  ] as const) {
    expect(Object.keys(table).toSorted()).toEqual([...states].toSorted())
    const reachable = new Set<string>([states[0]])
    for (const targets of Object.values(table)) for (const target of targets) reachable.add(target)
    expect([...reachable].toSorted()).toEqual([...states].toSorted())
  }
})

test('error codes are looked up by own name only', () => {
  expect(isErrorCode('TASK_FAILED')).toBe(true)
  expect(isErrorCode('toString')).toBe(false)
  expect(errorCodes.BROKER_UNAVAILABLE).toMatchObject({ status: 503, retryable: true })
})

test('a waiting retry and a running attempt with a limit are owed a later event; others are not', () => {
  const harness = new RunHarness([{ id: 'a', retry: { max: 1, backoffMs: 50 }, timeoutMs: 2_000 }]).start()
  expect(wakeOfTask(harness.run, harness.task('a'))).toBeNull()
  harness.begin('a')
  expect(wakeOfTask(harness.run, harness.task('a'))).toEqual({
    at: 33_000,
    event: { type: 'deadline_passed', ordinal: 0, attempt: 1 },
  })
  harness.fail('a')
  expect(wakeOfTask(harness.run, harness.task('a'))).toEqual({
    at: 1_050,
    event: { type: 'retry_due', ordinal: 0, attempt: 1 },
  })
})

test('a plain task is timed from when it became ready, for a day unless its document says otherwise', () => {
  const task = { name: 'tasks.add', args: [], kwargs: {}, queue: null }
  const harness = new RunHarness([{ id: 'a', task }]).start()
  expect(wakeOfTask(harness.run, harness.task('a'))).toBeNull()
  harness.send({ type: 'published', ordinal: 0, attempt: 1 })
  expect(wakeOfTask(harness.run, harness.task('a'))).toEqual({
    at: 1_000 + 86_400_000 + 30_000,
    event: { type: 'deadline_passed', ordinal: 0, attempt: 1 },
  })
})
