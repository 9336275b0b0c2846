import { expect, test } from 'vitest'
import { aListener, anAttempt, aStartedExecutor, run } from './setup.ts'

test('an attempt succeeds with its result and its metrics', async () => {
  const executor = await aStartedExecutor()
  const outcome = await run(executor, anAttempt())
  expect(outcome).toMatchObject({ status: 'succeeded', result: { outputs: {}, compat: [] } })
})

test('all output lines arrive before the outcome, with their stream, the open last line included', async () => {
  const executor = await aStartedExecutor()
  const listener = aListener()
  await executor.run(anAttempt({ do: 'print', lines: 500 }), listener).outcome
  const texts = (stream: string) =>
    listener.lines.filter((line) => line.stream === stream).map(({ text }) => text)
  expect(texts('stdout')).toEqual([
    ...Array.from({ length: 500 }, (_, number) => `line ${number}`),
    'an open line',
  ])
  expect(texts('stderr')).toEqual(['a warning'])
  expect(listener.lines.every(({ at }) => at > 1_600_000_000_000)).toBe(true)
})

test('output that is not UTF-8 is shown with replacement characters and fails nothing', async () => {
  const executor = await aStartedExecutor()
  const listener = aListener()
  const outcome = await executor.run(anAttempt({ do: 'write', hex: 'fffe41000a' }), listener).outcome
  expect(outcome.status).toBe('succeeded')
  expect(listener.lines.map(({ text }) => text)).toEqual(['��A\0'])
})

test('progress reaches the listener', async () => {
  const executor = await aStartedExecutor()
  const listener = aListener()
  await executor.run(anAttempt({ do: 'progress' }), listener).outcome
  expect(listener.progress.at(-1)).toEqual({ current: 3, total: 3, message: 'step 3' })
})

test('an error of the operator is a failure with its type, traceback and retryability', async () => {
  const executor = await aStartedExecutor()
  expect(await run(executor, anAttempt({ do: 'raise', message: 'no such column' }))).toEqual({
    status: 'failed',
    retryable: true,
    failure: { code: 'TASK_FAILED', message: 'no such column', excType: 'Fault', traceback: 'Traceback' },
  })
})

test('a result of the wrong shape fails the attempt for good', async () => {
  const executor = await aStartedExecutor()
  expect(await run(executor, anAttempt({ do: 'malformed' }))).toMatchObject({
    status: 'failed',
    retryable: false,
    failure: { code: 'TASK_MALFORMED_RESULT' },
  })
})

test('time and memory limits are passed to the process', async () => {
  const executor = await aStartedExecutor({ limits: { memoryBytes: 1_000 } })
  const outcome = await run(executor, anAttempt({ do: 'echo' }, { softTimeLimitS: 30, timeLimitS: 60 }))
  expect(outcome).toMatchObject({ result: { metrics: { soft: 30, memory: 1_000 } } })
})

test('200 attempts go through a pool of two processes', async () => {
  const executor = await aStartedExecutor()
  // One that is slow to start might find nothing left to do.
  await expect.poll(() => executor.counts()).toMatchObject({ idle: 2 })
  const outcomes = await Promise.all(Array.from({ length: 200 }, () => run(executor, anAttempt())))
  const pids = new Set(
    outcomes.map((outcome) => outcome.status === 'succeeded' && outcome.result.metrics['pid']),
  )
  expect(outcomes.every(({ status }) => status === 'succeeded')).toBe(true)
  expect(pids.size).toBe(2)
})

test('a process is replaced after its number of attempts', async () => {
  const executor = await aStartedExecutor({ poolSize: 1, limits: { maxTasksPerChild: 3 } })
  const pids: unknown[] = []
  for (let number = 0; number < 7; number++) {
    const outcome = await run(executor, anAttempt())
    pids.push(outcome.status === 'succeeded' && outcome.result.metrics['pid'])
  }
  const [a, , , b, , , c] = pids
  expect(pids).toEqual([a, a, a, b, b, b, c])
  expect(new Set([a, b, c]).size).toBe(3)
})

test('the status of an attempt goes from waiting to running to finished', async () => {
  const executor = await aStartedExecutor({ poolSize: 1 })
  const [first, second] = [anAttempt({ do: 'sleep', seconds: 0.05 }), anAttempt()]
  const listener = aListener()
  const running = executor.run(first, listener)
  const waiting = executor.run(second, aListener())
  await listener.firstLine
  expect([executor.status(first.attemptId), executor.status(second.attemptId)]).toEqual([
    'running',
    'waiting',
  ])
  await Promise.all([running.outcome, waiting.outcome])
  expect(executor.status(second.attemptId)).toBe('finished')
  expect(executor.status('another')).toBe('unknown')
})

test('an attempt that runs already is not run twice', async () => {
  const executor = await aStartedExecutor()
  const attempt = anAttempt({ do: 'sleep', seconds: 0.05 })
  const first = executor.run(attempt, aListener())
  expect(executor.run(attempt, aListener())).toBe(first)
  await first.outcome
})

test('an attempt that is too large for a frame fails, and its process stays usable', async () => {
  const executor = await aStartedExecutor({ poolSize: 1 })
  const outcome = await run(executor, anAttempt({ text: 'x'.repeat(1_100_000) }))
  expect(outcome).toMatchObject({ status: 'failed', failure: { code: 'VALIDATION_BODY_TOO_LARGE' } })
  expect((await run(executor, anAttempt())).status).toBe('succeeded')
})
