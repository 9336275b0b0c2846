import { expect, test } from 'vitest'
import { advance, type Effect } from '../src/index.ts'
import { aResult, RunHarness } from './builders.ts'

const diamond = [
  { id: 'a' },
  { id: 'b', after: ['a'] },
  { id: 'c', after: ['a'] },
  { id: 'd', after: ['b', 'c'] },
]

const dispatched = (effects: readonly Effect[]): number[] =>
  effects.flatMap((effect) => (effect.type === 'dispatch' ? [effect.ordinal] : []))

test('a new run makes the operators without upstream ready and dispatches them', () => {
  const harness = new RunHarness(diamond)
  const result = harness.send({ type: 'run_created' })
  expect(result.kind === 'applied' && dispatched(result.effects)).toEqual([0])
  expect(harness.states()).toEqual({ a: 'ready', b: 'pending', c: 'pending', d: 'pending' })
  expect(harness.run.head).toMatchObject({ state: 'running', startedAt: 1_000, version: 1 })
  expect(harness.task('a')).toMatchObject({ attempt: 1, attemptId: 'attempt-1', readyAt: 1_000 })
})

test('a second run_created is a duplicate', () => {
  const harness = new RunHarness(diamond).start()
  expect(harness.send({ type: 'run_created' })).toEqual({ kind: 'ignored', why: 'duplicate' })
})

test('an operator becomes ready with the success of its last upstream operator, and the run ends with the last task', () => {
  const harness = new RunHarness(diamond).start()
  harness.succeed('a')
  expect(harness.states()).toMatchObject({ b: 'ready', c: 'ready', d: 'pending' })
  harness.succeed('b')
  expect(harness.task('d').state).toBe('pending')
  harness.succeed('c')
  expect(harness.task('d').state).toBe('ready')
  harness.now = 5_000
  harness.succeed('d')
  expect(harness.run.head).toMatchObject({ state: 'succeeded', finishedAt: 5_000 })
  expect(harness.run.unfinished).toBe(0)
})

test('a failure marks what hangs on it, while other branches go on', () => {
  const harness = new RunHarness([...diamond, { id: 'e', after: ['c'] }]).start()
  harness.succeed('a')
  harness.fail('b')
  expect(harness.states()).toEqual({
    a: 'succeeded',
    b: 'failed',
    c: 'ready',
    d: 'upstream_failed',
    e: 'pending',
  })
  harness.succeed('c')
  harness.succeed('e')
  expect(harness.run.head.state).toBe('failed')
})

test('a result of an earlier attempt, a second result and a late start are ignored', () => {
  const harness = new RunHarness([{ id: 'a', retry: { max: 1 } }]).start()
  harness.fail('a')
  harness.send({ type: 'retry_due', ordinal: 0, attempt: 1 })
  const late = {
    type: 'succeeded',
    ordinal: 0,
    attempt: 1,
    result: aResult(),
    worker: null,
    startedAt: null,
  } as const
  expect(harness.send(late)).toEqual({ kind: 'ignored', why: 'stale_attempt' })
  harness.succeed('a')
  expect(harness.succeed('a')).toEqual({ kind: 'ignored', why: 'already_final' })
  expect(harness.begin('a')).toEqual({ kind: 'ignored', why: 'already_final' })
})

test('a retryable failure waits for its backoff, keeps the failed attempt as a fact and tries again', () => {
  const harness = new RunHarness([{ id: 'a', retry: { max: 2, backoffMs: 100 } }]).start()
  harness.begin('a')
  const first = harness.fail('a')
  expect(harness.task('a')).toMatchObject({ state: 'retry_wait', retryAt: 1_100, retries: 1, attempt: 1 })
  expect(first.kind === 'applied' && first.facts).toMatchObject([
    {
      type: 'attempt_ended',
      ordinal: 0,
      attempt: { attempt: 1, outcome: 'failed', worker: 'w1', error: { code: 'TASK_FAILED' } },
    },
  ])
  harness.now = 1_100
  harness.send({ type: 'retry_due', ordinal: 0, attempt: 1 })
  expect(harness.task('a')).toMatchObject({ state: 'ready', attempt: 2, retryAt: null, error: null })
  harness.fail('a')
  expect(harness.task('a').retryAt).toBe(1_300)
  harness.send({ type: 'retry_due', ordinal: 0, attempt: 2 })
  harness.fail('a')
  expect(harness.task('a')).toMatchObject({ state: 'failed', attempt: 3, finishedAt: 1_100 })
  expect(harness.run.head.state).toBe('failed')
})

test('a failure that is not retryable fails at once', () => {
  const harness = new RunHarness([{ id: 'a', retry: { max: 5 } }]).start()
  harness.fail('a', false)
  expect(harness.task('a').state).toBe('failed')
})

test('a cancel ends what is not running at once, revokes what is in flight and waits for what runs', () => {
  const harness = new RunHarness([{ id: 'a' }, { id: 'b' }, { id: 'c', after: ['a'] }]).start()
  harness.begin('a')
  const result = harness.send({ type: 'cancel_requested' })
  expect(result.kind === 'applied' && result.effects).toEqual([
    { type: 'revoke', attemptIds: ['attempt-1', 'attempt-2'] },
  ])
  expect(harness.states()).toEqual({ a: 'running', b: 'cancelled', c: 'cancelled' })
  expect(harness.run.head).toMatchObject({ state: 'cancelling', cancelDeadlineAt: 11_000 })
  harness.send({ type: 'revoked', ordinal: 0, attempt: 1, reason: 'terminated' })
  expect(harness.states()).toEqual({ a: 'cancelled', b: 'cancelled', c: 'cancelled' })
  expect(harness.run.head).toMatchObject({ state: 'cancelled', cancelDeadlineAt: null })
})

test('a cancelled run whose workers stay silent ends at its deadline', () => {
  const harness = new RunHarness([{ id: 'a' }]).start()
  harness.begin('a')
  harness.send({ type: 'cancel_requested' })
  harness.send({ type: 'cancel_deadline' })
  expect(harness.run.head.state).toBe('cancelled')
  expect(harness.task('a').state).toBe('cancelled')
})

test('a success that overtakes the cancel counts, and starts nothing more', () => {
  const harness = new RunHarness([
    { id: 'a' },
    { id: 'b' },
    { id: 'c', after: ['b'], rule: 'all_done' },
  ]).start()
  harness.begin('a')
  harness.begin('b')
  harness.send({ type: 'cancel_requested' })
  harness.succeed('a')
  expect(harness.run.head.state).toBe('cancelling')
  harness.succeed('b')
  expect(harness.states()).toEqual({ a: 'succeeded', b: 'succeeded', c: 'cancelled' })
  expect(harness.run.head.state).toBe('cancelled')
})

test('a run that was never taken up can be cancelled', () => {
  const harness = new RunHarness(diamond)
  harness.send({ type: 'cancel_requested' })
  expect(harness.run.head.state).toBe('cancelled')
})

test('a revoked attempt of a run that is not cancelled is a failure, and retried', () => {
  const harness = new RunHarness([{ id: 'a', retry: { max: 1 } }]).start()
  harness.send({ type: 'revoked', ordinal: 0, attempt: 1, reason: 'by hand' })
  expect(harness.task('a')).toMatchObject({ state: 'retry_wait', error: { code: 'TASK_CANCELLED' } })
})

test('a rerun of what failed keeps the successes, counts attempts on and ends in success', () => {
  const harness = new RunHarness(diamond).start()
  harness.succeed('a')
  harness.fail('b')
  harness.succeed('c')
  expect(harness.run.head.state).toBe('failed')
  const { version } = harness.run.head
  const result = harness.send({ type: 'rerun_requested', from: 'failed', only: false })
  expect(result.kind === 'applied' && dispatched(result.effects)).toEqual([1])
  expect(harness.states()).toEqual({ a: 'succeeded', b: 'ready', c: 'succeeded', d: 'pending' })
  expect(harness.task('b')).toMatchObject({ attempt: 2, retries: 0, error: null })
  expect(harness.run.head).toMatchObject({ state: 'running', finishedAt: null, version: version + 1 })
  harness.succeed('b')
  harness.succeed('d')
  expect(harness.run.head.state).toBe('succeeded')
})

test('a rerun from an operator takes what is downstream of it, unless only that one is asked for', () => {
  const all = new RunHarness(diamond).start()
  for (const id of ['a', 'b', 'c', 'd']) all.succeed(id)
  all.send({ type: 'rerun_requested', from: 1, only: false })
  expect(all.states()).toEqual({ a: 'succeeded', b: 'ready', c: 'succeeded', d: 'pending' })

  const one = new RunHarness(diamond).start()
  for (const id of ['a', 'b', 'c', 'd']) one.succeed(id)
  one.send({ type: 'rerun_requested', from: 1, only: true })
  expect(one.states()).toEqual({ a: 'succeeded', b: 'ready', c: 'succeeded', d: 'succeeded' })
  one.succeed('b')
  expect(one.run.head.state).toBe('succeeded')
})

test('a rerun of an active run and a rerun of nothing are ignored', () => {
  const harness = new RunHarness([{ id: 'a' }]).start()
  expect(harness.send({ type: 'rerun_requested', from: 'failed', only: false })).toEqual({
    kind: 'ignored',
    why: 'not_final',
  })
  harness.succeed('a')
  expect(harness.send({ type: 'rerun_requested', from: 'failed', only: false })).toEqual({
    kind: 'ignored',
    why: 'nothing_to_do',
  })
})

test('an attempt past its deadline is revoked and fails as timed out', () => {
  const harness = new RunHarness([{ id: 'a', timeoutMs: 1_000 }]).start()
  harness.begin('a')
  harness.now += 31_000
  const result = harness.send({ type: 'deadline_passed', ordinal: 0, attempt: 1 })
  expect(result.kind === 'applied' && result.effects).toEqual([{ type: 'revoke', attemptIds: ['attempt-1'] }])
  expect(harness.task('a')).toMatchObject({ state: 'failed', error: { code: 'TASK_TIMED_OUT' } })
})

test('the deadline of an earlier start does not end an attempt that another worker has started anew', () => {
  const harness = new RunHarness([{ id: 'a', timeoutMs: 1_000 }]).start()
  harness.begin('a', 'w1')
  harness.now += 20_000
  harness.begin('a', 'w2')
  harness.now += 11_000
  expect(harness.send({ type: 'deadline_passed', ordinal: 0, attempt: 1 })).toMatchObject({
    why: 'nothing_to_do',
  })
  harness.now += 20_000
  harness.send({ type: 'deadline_passed', ordinal: 0, attempt: 1 })
  expect(harness.task('a')).toMatchObject({ state: 'failed', error: { code: 'TASK_TIMED_OUT' } })
})

const aTask = { name: 'tasks.add', args: [1, 2], kwargs: {}, queue: null }

test('a plain task that never told of a start ends at its deadline, and is tried again as its policy says', () => {
  const harness = new RunHarness([
    { id: 'a', task: aTask, timeoutMs: 1_000, retry: { max: 1, backoffMs: 10 } },
  ]).start()
  harness.send({ type: 'published', ordinal: 0, attempt: 1 })
  harness.now += 30_999
  expect(harness.send({ type: 'deadline_passed', ordinal: 0, attempt: 1 })).toMatchObject({
    why: 'nothing_to_do',
  })
  harness.now += 1
  expect(harness.send({ type: 'deadline_passed', ordinal: 0, attempt: 1 })).toMatchObject({
    effects: [{ type: 'revoke', attemptIds: ['attempt-1'] }],
  })
  expect(harness.task('a')).toMatchObject({ state: 'retry_wait', error: { code: 'TASK_TIMED_OUT' } })
})

test('a start that is reported gives a plain task its whole time limit', () => {
  const harness = new RunHarness([{ id: 'a', task: aTask, timeoutMs: 1_000 }]).start()
  harness.send({ type: 'published', ordinal: 0, attempt: 1 })
  harness.now += 20_000
  harness.begin('a')
  harness.now += 20_000
  expect(harness.send({ type: 'deadline_passed', ordinal: 0, attempt: 1 })).toMatchObject({
    why: 'nothing_to_do',
  })
  expect(harness.task('a').state).toBe('running')
})

test('an attempt that is lost while its run is being cancelled is not sent again', () => {
  const harness = new RunHarness([{ id: 'a' }]).start()
  harness.begin('a')
  harness.send({ type: 'cancel_requested' })
  const result = harness.send({ type: 'message_lost', ordinal: 0, attempt: 1, from: 'running' })
  expect(result).toMatchObject({ kind: 'applied', effects: [] })
  expect([harness.task('a').state, harness.run.head.state]).toEqual(['cancelled', 'cancelled'])
})

test('attempts that are given up at the end of a cancel are revoked once more', () => {
  const harness = new RunHarness([{ id: 'a' }]).start()
  harness.begin('a')
  harness.send({ type: 'cancel_requested' })
  expect(harness.send({ type: 'cancel_deadline' })).toMatchObject({
    effects: [{ type: 'revoke', attemptIds: ['attempt-1'] }],
  })
})

test('a rerun of another version of the run than the present one is a repetition', () => {
  const harness = new RunHarness([{ id: 'a' }]).start()
  harness.succeed('a')
  const { version } = harness.run.head
  const rerun = { type: 'rerun_requested', from: 0, only: false, version } as const
  expect(harness.send(rerun).kind).toBe('applied')
  harness.succeed('a')
  expect(harness.send(rerun)).toEqual({ kind: 'ignored', why: 'duplicate' })
})

test('a lost message sends the same attempt again', () => {
  const harness = new RunHarness([{ id: 'a' }]).start()
  harness.begin('a')
  const result = harness.send({ type: 'message_lost', ordinal: 0, attempt: 1, from: 'running' })
  expect(result.kind === 'applied' && dispatched(result.effects)).toEqual([0])
  expect(harness.task('a')).toMatchObject({
    state: 'ready',
    attempt: 1,
    attemptId: 'attempt-1',
    worker: null,
  })
})

test('a message taken for lost is not sent again once a worker has the attempt: its lease would be lost with it', () => {
  const harness = new RunHarness([{ id: 'a' }]).start()
  harness.send({
    type: 'started',
    ordinal: 0,
    attempt: 1,
    worker: 'w1',
    startedAt: null,
    isLeased: true,
  })
  expect(harness.send({ type: 'message_lost', ordinal: 0, attempt: 1, from: 'ready' })).toEqual({
    kind: 'ignored',
    why: 'nothing_to_do',
  })
  expect(harness.task('a')).toMatchObject({ state: 'running', isLeased: true })
})

test('a confirm moves a task to queued, and changes nothing once it runs', () => {
  const harness = new RunHarness([{ id: 'a' }]).start()
  harness.send({ type: 'published', ordinal: 0, attempt: 1 })
  expect(harness.task('a').state).toBe('queued')
  harness.begin('a')
  expect(harness.send({ type: 'published', ordinal: 0, attempt: 1 })).toEqual({
    kind: 'ignored',
    why: 'duplicate',
  })
})

test('a second start by another worker shows the worker that holds the attempt now', () => {
  const harness = new RunHarness([{ id: 'a' }]).start()
  harness.begin('a', 'w1')
  expect(harness.begin('a', 'w1')).toEqual({ kind: 'ignored', why: 'duplicate' })
  harness.begin('a', 'w2')
  expect(harness.task('a').worker).toBe('w2')
})

test('a start that no clock can have shown counts from now: a wrong clock must not end an attempt', () => {
  for (const startedAt of [null, 0, 900, 9_999_999]) {
    const harness = new RunHarness([{ id: 'a', timeoutMs: 1_000 }]).start()
    harness.now = 5_000
    harness.send({ type: 'started', ordinal: 0, attempt: 1, worker: 'w1', startedAt, isLeased: false })
    expect(harness.task('a').startedAt).toBe(5_000)
  }
  const harness = new RunHarness([{ id: 'a' }]).start()
  harness.now = 5_000
  harness.send({ type: 'started', ordinal: 0, attempt: 1, worker: 'w1', startedAt: 4_000, isLeased: false })
  expect(harness.task('a').startedAt).toBe(4_000)
})

test('progress is kept while the attempt runs and dropped otherwise', () => {
  const harness = new RunHarness([{ id: 'a' }]).start()
  const progress = { current: 1, total: 2, message: '' }
  expect(harness.send({ type: 'progressed', ordinal: 0, attempt: 1, progress }).kind).toBe('ignored')
  harness.begin('a')
  harness.send({ type: 'progressed', ordinal: 0, attempt: 1, progress })
  expect(harness.task('a').progress).toEqual(progress)
})

test('an operator that chose to be skipped skips what needs it', () => {
  const harness = new RunHarness([{ id: 'a' }, { id: 'b', after: ['a'] }]).start()
  harness.succeed('a', aResult({ skipped: 'no new rows' }))
  expect(harness.states()).toEqual({ a: 'skipped', b: 'skipped' })
  expect(harness.run.head.state).toBe('succeeded')
})

test('a deployment becomes a fact of the same change', () => {
  const harness = new RunHarness([{ id: 'a' }]).start()
  const result = harness.succeed('a', aResult({ deployment: { name: 'm' } }))
  expect(result.kind === 'applied' && result.facts).toEqual([{ type: 'deployed', ordinal: 0 }])
})

test('deciding changes neither the run nor its tasks', () => {
  const harness = new RunHarness(diamond).start()
  const before = structuredClone({ head: harness.run.head, tasks: harness.run.tasks })
  advance(harness.run, { type: 'cancel_requested' }, harness.ctx)
  expect({ head: harness.run.head, tasks: harness.run.tasks }).toEqual(before)
})

test('an empty plan finishes as soon as it starts', () => {
  const harness = new RunHarness([]).start()
  expect(harness.run.head.state).toBe('succeeded')
})
