import { expect, test } from 'vitest'
import { anAttempt, setup, withPublish } from './setup.ts'

test('stop gives back what has not started and lets the rest finish', async () => {
  const { send, executor, startWorker, statuses, waiting } = await setup()
  const worker = await startWorker({ concurrency: 1, prefetchSurplus: 2 })
  const attempts = [anAttempt(), anAttempt(), anAttempt()]
  for (const attempt of attempts) await send(attempt)
  await expect.poll(() => executor.runs).toHaveLength(1)
  const stopped = worker.stop()
  await expect.poll(waiting).toBe(2)
  expect(worker.state).toBe('draining')
  executor.finish(attempts[0]!.attemptId)
  await stopped
  expect(statuses(attempts[0]!.attemptId)).toEqual(['SUCCESS'])
  expect(executor.runs).toHaveLength(1)
  expect(executor.stops).toBe(1)
  expect(worker.state).toBe('stopped')
  expect(await waiting()).toBe(2)
})

test('what does not finish in time goes back to the queue, neither failed nor revoked', async () => {
  const { send, executor, startWorker, heard, waiting } = await setup()
  const worker = await startWorker({ drainTimeoutMs: 20 })
  const attempt = anAttempt()
  await send(attempt)
  await expect.poll(() => executor.runs).toHaveLength(1)
  await worker.stop()
  expect(executor.cancelled).toEqual([{ attemptId: attempt.attemptId, reason: 'the worker is stopping' }])
  expect(await waiting()).toBe(1)
  expect(heard).toEqual([])
})

test('abort ends a stop that waits, and gives back what ran', async () => {
  const { send, executor, startWorker, heard, waiting } = await setup()
  executor.isObedient = false
  const worker = await startWorker()
  await send(anAttempt())
  await expect.poll(() => executor.runs).toHaveLength(1)
  const stopped = worker.stop()
  await worker.abort()
  await stopped
  expect(executor.stops).toBe(1)
  expect(await waiting()).toBe(1)
  expect(heard).toEqual([])
  expect(worker.state).toBe('stopped')
})

test('abort runs nothing that was only reserved', async () => {
  const { send, executor, startWorker, waiting } = await setup()
  const worker = await startWorker({ concurrency: 1, prefetchSurplus: 3 })
  for (let number = 0; number < 4; number++) await send(anAttempt())
  await expect.poll(() => executor.runs).toHaveLength(1)
  await worker.abort()
  expect(executor.runs).toHaveLength(1)
  expect(await waiting()).toBe(4)
})

test('another worker takes over what was handed back', async () => {
  const { send, executor, startWorker, statuses, connect } = await setup()
  const attempt = anAttempt()
  await send(attempt)
  const first = await startWorker()
  await expect.poll(() => executor.runs).toHaveLength(1)
  await first.abort()
  executor.isInstant = true
  await startWorker({ broker: await connect(), nodeName: 'w2@test' })
  await expect.poll(() => statuses(attempt.attemptId)).toEqual(['SUCCESS'])
})

test('a result that cannot be told before the drain timeout is left to the next worker', async () => {
  const { send, executor, startWorker, broker, waiting } = await setup()
  const mute = withPublish(broker, (messages) => Promise.resolve(messages.map(() => 'unknown' as const)))
  executor.isInstant = true
  const worker = await startWorker({ broker: mute, drainTimeoutMs: 20 })
  await send(anAttempt())
  await expect.poll(() => executor.runs).toHaveLength(1)
  await worker.stop()
  expect(await waiting()).toBe(1)
})

test('when the connection is lost, what was only reserved is left to the broker and what runs goes on', async () => {
  const { send, executor, startWorker, broker, connect, waiting } = await setup()
  const worker = await startWorker({ concurrency: 1, prefetchSurplus: 2 })
  const attempts = [anAttempt(), anAttempt()]
  for (const attempt of attempts) await send(attempt)
  await expect.poll(() => executor.runs).toHaveLength(1)
  await broker.stop()
  await expect.poll(waiting).toBe(2)
  executor.finish(attempts[0]!.attemptId)
  await expect.poll(() => worker.counts().active).toBe(0)
  expect(executor.runs).toHaveLength(1)
  await connect()
})

test('stop is idempotent, and legal before start', async () => {
  const { aWorker, startWorker, executor } = await setup()
  const idle = aWorker({ nodeName: 'w2@test' })
  await idle.stop()
  expect(idle.state).toBe('stopped')
  const worker = await startWorker()
  await Promise.all([worker.stop(), worker.stop()])
  await worker.stop()
  expect(executor.stops).toBe(1)
})

test('a worker that is stopped while it starts consumes nothing', async () => {
  const { executor, client, queue, aWorker } = await setup()
  let resolveStart = (): void => {}
  executor.start = () =>
    new Promise((resolve) => {
      resolveStart = resolve
    })
  const worker = aWorker()
  const starting = worker.start()
  const stopped = worker.stop()
  resolveStart()
  await Promise.all([starting, stopped])
  expect(worker.state).toBe('stopped')
  expect((await client.depths([queue]))[0]?.consumers).toBe(0)
})
