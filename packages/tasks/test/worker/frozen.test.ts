import type { Broker, Clock, QueueDepth } from '@celeriac/core'
import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { anAttempt, setup, withPublish } from './setup.ts'

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
}

/** A worker whose process can be frozen: time passes, and no timer fires. Its questions to the broker are answered by hand. */
async function aWorkerToFreeze() {
  const fake = new FakeClock()
  let missedMs = 0
  const clock: Clock = {
    now: () => fake.now() + missedMs,
    after: (delayMs, action) => fake.after(delayMs, action),
  }
  const context = await setup({ clock })
  const questions: { answer(): void; refuse(): void }[] = []
  const broker: Broker = {
    ...withPublish(context.broker, (messages) => context.broker.publish(messages)),
    get state() {
      return context.broker.state
    },
    depths: () =>
      new Promise<readonly QueueDepth[]>((resolve, reject) => {
        questions.push({
          answer: () => resolve([]),
          refuse: () => reject(new Error('the connection is gone')),
        })
      }),
  }
  await context.startWorker({ broker, concurrency: 1, prefetchSurplus: 2 })
  const freeze = (ms: number): void => {
    missedMs += ms
  }
  return { ...context, fake, freeze, questions }
}

test('what is delivered to a worker that was frozen starts when the broker has answered', async () => {
  const { freeze, send, executor, questions } = await aWorkerToFreeze()
  freeze(10_000)
  const attempt = anAttempt()
  await send(attempt)
  await settled()
  expect(questions).toHaveLength(1)
  expect(executor.running).toEqual([])
  questions[0]!.answer()
  await settled()
  expect(executor.running).toEqual([attempt.attemptId])
})

test('what was reserved before is dropped when the connection ended meanwhile', async () => {
  const { freeze, send, executor, questions, broker, waiting } = await aWorkerToFreeze()
  const attempts = [anAttempt(), anAttempt()]
  for (const attempt of attempts) await send(attempt)
  await settled()
  freeze(10_000)
  executor.finish(attempts[0]!.attemptId)
  await settled()
  expect(questions).toHaveLength(1)
  await broker.stop()
  questions[0]!.refuse()
  await settled()
  expect(executor.running).toEqual([attempts[0]!.attemptId])
  expect(await waiting()).toBe(1)
})

test('the broker is asked until it answers, and once per freeze', async () => {
  const { freeze, fake, send, executor, questions } = await aWorkerToFreeze()
  freeze(10_000)
  fake.advance(1_000)
  expect(questions).toHaveLength(1)
  questions[0]!.refuse()
  await settled()
  fake.advance(1_000)
  await settled()
  expect(questions).toHaveLength(2)
  await send(anAttempt())
  await settled()
  expect(executor.running).toHaveLength(0)
  questions[1]!.answer()
  await settled()
  expect(executor.running).toHaveLength(1)
  fake.advance(60_000)
  expect(questions).toHaveLength(2)
})

test('a busy moment is no freeze', async () => {
  const { freeze, send, executor, questions } = await aWorkerToFreeze()
  freeze(1_500)
  await send(anAttempt())
  await settled()
  expect(questions).toEqual([])
  expect(executor.running).toHaveLength(1)
})
