import { AppError, type Delivery } from '@celeriac/core'
import { expect, test } from 'vitest'
import { succeeded } from './fake-executor.ts'
import { anAttempt, setup, withPublish } from './setup.ts'

test('a task is executed, its result told to reply_to, and its delivery acked', async () => {
  const { send, executor, startWorker, statuses, heard, waiting } = await setup()
  executor.isInstant = true
  const worker = await startWorker()
  const attempt = anAttempt()
  await send(attempt)
  await expect.poll(() => statuses(attempt.attemptId)).toEqual(['SUCCESS'])
  expect(heard[0]?.startedAt).toEqual(expect.any(Number))
  expect(executor.runs[0]?.attempt).toEqual(attempt)
  await worker.stop()
  expect(await waiting()).toBe(0)
  expect(worker.counts()).toEqual({ active: 0, processed: 1 })
})

test('a failure carries its code, message and retryability', async () => {
  const { send, executor, startWorker, heard } = await setup()
  await startWorker()
  const attempt = anAttempt()
  await send(attempt)
  await expect.poll(() => executor.running).toEqual([attempt.attemptId])
  executor.finish(attempt.attemptId, {
    status: 'failed',
    failure: { code: 'TASK_INVALID_INPUT', message: 'no such column', excType: 'InvalidInput' },
    retryable: false,
  })
  await expect
    .poll(() => heard)
    .toMatchObject([
      {
        status: 'FAILURE',
        result: { code: 'TASK_INVALID_INPUT', message: 'no such column', retryable: false },
      },
    ])
})

test('no more than the concurrency runs at a time, and what is reserved beyond it is bounded', async () => {
  const { send, executor, startWorker, waiting } = await setup()
  await startWorker({ concurrency: 2, prefetchSurplus: 1 })
  const attempts = Array.from({ length: 6 }, () => anAttempt())
  for (const attempt of attempts) await send(attempt)
  await expect.poll(() => executor.running).toHaveLength(2)
  expect(await waiting()).toBe(3)
  executor.finish(attempts[0]?.attemptId ?? '')
  await expect.poll(() => executor.running).toHaveLength(3)
})

test('a result that is not confirmed is published until it is, and only then is the task acked', async () => {
  const { send, executor, startWorker, statuses, broker, waiting } = await setup()
  let failures = 3
  const flaky = withPublish(broker, (messages) =>
    messages.some(({ exchange }) => exchange === '') && failures-- > 0
      ? Promise.resolve(messages.map(() => 'unknown' as const))
      : broker.publish(messages),
  )
  executor.isInstant = true
  const worker = await startWorker({ broker: flaky })
  const attempt = anAttempt()
  await send(attempt)
  await expect.poll(() => statuses(attempt.attemptId)).toEqual(['SUCCESS'])
  await worker.stop()
  expect(failures).toBeLessThan(0)
  expect(await waiting()).toBe(0)
})

test('a result that nobody waits for any more is dropped', async () => {
  const { send, executor, startWorker } = await setup()
  executor.isInstant = true
  const worker = await startWorker()
  await send(anAttempt(), { replyTo: 'gone' })
  await send(anAttempt(), { replyTo: '' })
  await expect.poll(() => worker.counts().processed).toBe(2)
})

test('a second delivery of a running attempt is not run again; both are acked with its result', async () => {
  const { send, executor, startWorker, statuses, waiting } = await setup()
  const worker = await startWorker({ concurrency: 2, prefetchSurplus: 2 })
  const attempt = anAttempt()
  await send(attempt)
  await send(attempt)
  await expect.poll(waiting).toBe(0)
  executor.finish(attempt.attemptId)
  await expect.poll(() => statuses(attempt.attemptId)).toEqual(['SUCCESS'])
  await worker.stop()
  expect(executor.running).toEqual([attempt.attemptId])
  expect(await waiting()).toBe(0)
})

test('a delivery of an attempt that ended a moment ago is answered with its result, not run again', async () => {
  const { send, executor, startWorker, statuses } = await setup()
  executor.isInstant = true
  await startWorker()
  const attempt = anAttempt()
  await send(attempt)
  await expect.poll(() => statuses(attempt.attemptId)).toHaveLength(1)
  await send(attempt)
  await expect.poll(() => statuses(attempt.attemptId)).toEqual(['SUCCESS', 'SUCCESS'])
  expect(executor.runs).toHaveLength(1)
})

test('a redelivered task that an earlier worker started elsewhere is adopted', async () => {
  const { send, executor, startWorker, statuses, client, queue } = await setup()
  const attempt = anAttempt()
  await send(attempt)
  const taken: Delivery[] = []
  const consumer = await client.consume({
    queue,
    prefetch: 1,
    onDelivery: (delivery) => taken.push(delivery),
  })
  await expect.poll(() => taken).toHaveLength(1)
  await consumer.cancel()
  taken[0]?.requeue()
  executor.adoptable.set(attempt.attemptId, Promise.resolve(succeeded))
  await startWorker()
  await expect.poll(() => statuses(attempt.attemptId)).toEqual(['SUCCESS'])
  expect(executor.runs).toHaveLength(0)
})

test('an executor that throws fails the attempt and nothing else', async () => {
  const { send, executor, startWorker, heard } = await setup()
  executor.run = () => {
    throw new Error('a defect')
  }
  await startWorker()
  await send(anAttempt())
  await expect
    .poll(() => heard)
    .toMatchObject([{ status: 'FAILURE', result: { code: 'INTERNAL_ERROR', retryable: false } }])
})

test('a result too large for a message becomes a failure that says so', async () => {
  const { send, executor, startWorker, heard } = await setup()
  await startWorker()
  const attempt = anAttempt()
  await send(attempt)
  await expect.poll(() => executor.running).toHaveLength(1)
  const compat = [{ text: 'x'.repeat(300_000) }]
  executor.finish(attempt.attemptId, { status: 'succeeded', result: { outputs: {}, metrics: {}, compat } })
  await expect.poll(() => heard).toMatchObject([{ result: { code: 'TASK_MALFORMED_RESULT' } }])
})

test('the log is complete before the result is told', async () => {
  const { send, executor, startWorker, statuses } = await setup()
  let release = (): void => {}
  const lines: string[] = []
  const logs = {
    append: (_attempt: unknown, more: readonly { text: string }[]) => {
      lines.push(...more.map(({ text }) => text))
    },
    close: () =>
      new Promise<void>((resolve) => {
        release = resolve
      }),
  }
  await startWorker({ logs })
  const attempt = anAttempt()
  await send(attempt)
  await expect.poll(() => executor.runs).toHaveLength(1)
  executor.runs[0]?.listener.onLog([{ at: 1, stream: 'stdout', text: 'hello' }])
  executor.finish(attempt.attemptId)
  await new Promise(setImmediate)
  expect(statuses(attempt.attemptId)).toEqual([])
  release()
  await expect.poll(() => statuses(attempt.attemptId)).toEqual(['SUCCESS'])
  expect(lines).toEqual(['hello'])
})

test('a worker whose executor cannot start does not start, and consumes nothing', async () => {
  const { executor, startWorker, client, queue } = await setup()
  executor.startFault = new AppError('EXECUTOR_UNAVAILABLE', 'no Python')
  await expect(startWorker()).rejects.toMatchObject({ code: 'EXECUTOR_UNAVAILABLE' })
  expect((await client.depths([queue]))[0]?.consumers).toBe(0)
  expect(executor.stops).toBe(1)
})
