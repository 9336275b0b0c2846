import { expect, test } from 'vitest'
import { anAttempt, setup } from './setup.ts'

test('a paused worker gives back what did not start, takes nothing, and lets the rest finish', async () => {
  const { send, executor, startWorker, waiting, statuses, client, queue } = await setup()
  const worker = await startWorker({ concurrency: 1, prefetchSurplus: 2 })
  const attempts = [anAttempt(), anAttempt(), anAttempt()]
  for (const attempt of attempts) await send(attempt)
  await expect.poll(() => executor.runs).toHaveLength(1)
  worker.pauseOperators()
  await expect.poll(waiting).toBe(2)
  executor.finish(attempts[0]!.attemptId)
  await expect.poll(() => statuses(attempts[0]!.attemptId)).toEqual(['SUCCESS'])
  expect(executor.runs).toHaveLength(1)
  expect((await client.depths([queue]))[0]?.consumers).toBe(0)
  worker.resumeOperators()
  await expect.poll(() => executor.runs).toHaveLength(2)
  expect(await waiting()).toBe(0)
})

test('a worker that is paused when it starts takes nothing until it is told to', async () => {
  const { send, executor, aWorker, waiting } = await setup()
  executor.isInstant = true
  const worker = aWorker()
  worker.pauseOperators()
  await worker.start()
  await send(anAttempt())
  await new Promise(setImmediate)
  expect(await waiting()).toBe(1)
  worker.resumeOperators()
  await expect.poll(() => worker.counts().processed).toBe(1)
})

test('a resumption before the start starts nothing', async () => {
  const { aWorker, client, queue } = await setup()
  const worker = aWorker()
  worker.pauseOperators()
  worker.resumeOperators()
  await new Promise(setImmediate)
  expect((await client.depths([queue]))[0]?.consumers).toBe(0)
})

test('pausing again and again leaves one consumer, or none', async () => {
  const { startWorker, client, queue } = await setup()
  const worker = await startWorker()
  const consumers = async (): Promise<number | undefined> => (await client.depths([queue]))[0]?.consumers
  for (let times = 0; times < 20; times++) {
    worker.pauseOperators()
    worker.resumeOperators()
  }
  await expect.poll(consumers).toBe(1)
  worker.pauseOperators()
  await expect.poll(consumers).toBe(0)
  await worker.stop()
  worker.resumeOperators()
  await new Promise(setImmediate)
  expect(await consumers()).toBe(0)
})
