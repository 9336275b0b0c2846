import { decodeWorkerEvent, encodeRevoke, type WorkerEvent } from '@celeriac/contracts'
import type { Broker, PublishOutcome } from '@celeriac/core'
import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import type { TaskWorkerOptions } from '../../src/index.ts'
import { anAttempt, setup, withPublish } from './setup.ts'

const handOverAfterMs = 60_000
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
}

/** A worker with one attempt running, and a clock to make it old. */
async function aLongAttempt(
  given: {
    readonly options?: Partial<TaskWorkerOptions>
    readonly isLeasable?: boolean
    readonly replyTo?: string
    readonly publish?: (broker: Broker) => Broker['publish']
  } = {},
) {
  const clock = new FakeClock()
  const context = await setup({ clock })
  const { broker, send, executor, startWorker } = context
  const events: WorkerEvent[] = []
  await context.client.declarePrivateQueue({
    name: 'monitor',
    bindings: [{ exchange: context.topology.eventExchange, routingKey: 'worker.#' }],
  })
  await context.client.consume({
    queue: 'monitor',
    prefetch: 0,
    noAck: true,
    onDelivery: (delivery) => events.push(decodeWorkerEvent(delivery)),
  })
  const worker = await startWorker({
    handOverAfterMs,
    ...(given.publish === undefined ? {} : { broker: withPublish(broker, given.publish(broker)) }),
    ...given.options,
  })
  const attempt = anAttempt()
  await send(attempt, {
    isLeasable: given.isLeasable ?? true,
    ...(given.replyTo === undefined ? {} : { replyTo: given.replyTo }),
  })
  await expect.poll(() => executor.runs).toHaveLength(1)
  executor.runs[0]!.listener.onStarted()
  /** Lets pending work happen before, at and after that time. */
  const passes = async (ms: number): Promise<void> => {
    await settled()
    clock.advance(ms)
    await settled()
  }
  await passes(100)
  /** Everything the worker holds unacked comes back to the queue. */
  const returnedWhenKilled = async (): Promise<number> => {
    await broker.stop()
    return await context.waiting()
  }
  const lastBeat = (): WorkerEvent | undefined => events.at(-1)
  return { ...context, clock, worker, attempt, passes, returnedWhenKilled, lastBeat }
}

test('an old attempt is handed over: STARTED says that it is leased, its delivery is acked, and it goes on', async () => {
  const { passes, heard, statuses, attempt, executor, returnedWhenKilled } = await aLongAttempt()
  await passes(handOverAfterMs - 101)
  expect(statuses(attempt.attemptId)).toEqual(['STARTED'])
  await passes(1)
  await expect.poll(() => statuses(attempt.attemptId)).toEqual(['STARTED', 'STARTED'])
  expect(heard.map(({ result }) => result)).toMatchObject([{ hostname: 'w1@test' }, { leased: true }])
  await settled()
  executor.finish(attempt.attemptId)
  await expect.poll(() => statuses(attempt.attemptId)).toEqual(['STARTED', 'STARTED', 'SUCCESS'])
  expect(await returnedWhenKilled()).toBe(0)
})

test('after the hand-over nothing of it is left at the broker, before it everything', async () => {
  const before = await aLongAttempt()
  await before.passes(handOverAfterMs - 101)
  expect(await before.returnedWhenKilled()).toBe(1)
  const after = await aLongAttempt()
  await after.passes(handOverAfterMs)
  expect(await after.returnedWhenKilled()).toBe(0)
})

test('the time counts from the delivery: what waited reserved is handed over the sooner', async () => {
  const { passes, send, executor, attempt, heard } = await aLongAttempt({ options: { concurrency: 1 } })
  const leased = (id: string): boolean =>
    heard.some(({ taskId, result }) => taskId === id && JSON.stringify(result).includes('"leased":true'))
  const second = anAttempt()
  await send(second)
  await settled()
  await passes(handOverAfterMs - 200)
  executor.finish(attempt.attemptId)
  await expect.poll(() => executor.runs).toHaveLength(2)
  executor.runs[1]!.listener.onStarted()
  await passes(200)
  await expect.poll(() => leased(second.attemptId)).toBe(true)
})

test('a scheduler that knows no leases keeps the delivery as its guard', async () => {
  const { passes, statuses, attempt, returnedWhenKilled } = await aLongAttempt({ isLeasable: false })
  await passes(handOverAfterMs * 3)
  expect(statuses(attempt.attemptId)).toEqual(['STARTED'])
  expect(await returnedWhenKilled()).toBe(1)
})

test.each(['gone', ''])(
  'nothing is acked when nobody hears of the lease (reply to "%s")',
  async (replyTo) => {
    const { passes, returnedWhenKilled } = await aLongAttempt({ replyTo })
    await passes(handOverAfterMs * 3)
    expect(await returnedWhenKilled()).toBe(1)
  },
)

/** Messages that say `leased` get these outcomes one after the other, and do not arrive. */
const unconfirmed =
  (outcomes: PublishOutcome[]) =>
  (broker: Broker): Broker['publish'] =>
  async (messages) => {
    const isLease = messages.some(({ body }) => Buffer.from(body).includes('"leased":true'))
    const outcome = isLease ? outcomes.shift() : undefined
    return outcome === undefined ? await broker.publish(messages) : messages.map(() => outcome)
  }

test('the delivery is acked only after the confirm, however long that takes', async () => {
  const outcomes: PublishOutcome[] = ['unknown', 'rejected', 'unroutable', 'unknown']
  const killed = await aLongAttempt({ publish: unconfirmed([...outcomes]) })
  await killed.passes(handOverAfterMs)
  expect(await killed.returnedWhenKilled()).toBe(1)
  const patient = await aLongAttempt({ publish: unconfirmed(outcomes) })
  await patient.passes(handOverAfterMs)
  for (let tries = 0; tries < 5; tries++) await patient.passes(5_000)
  expect(outcomes).toEqual([])
  expect(await patient.returnedWhenKilled()).toBe(0)
})

test('an attempt that ends while its hand-over is on the way is told after it', async () => {
  const { passes, executor, attempt, statuses } = await aLongAttempt({ publish: unconfirmed(['unknown']) })
  await passes(handOverAfterMs)
  executor.finish(attempt.attemptId)
  await settled()
  expect(statuses(attempt.attemptId)).toEqual(['STARTED'])
  await passes(5_000)
  await expect.poll(() => statuses(attempt.attemptId)).toEqual(['STARTED', 'STARTED', 'SUCCESS'])
})

test('a delivery that comes again after the hand-over is acked at once', async () => {
  const { passes, send, attempt, executor, returnedWhenKilled } = await aLongAttempt()
  await passes(handOverAfterMs)
  await send(attempt)
  await settled()
  expect(executor.runs).toHaveLength(1)
  expect(await returnedWhenKilled()).toBe(0)
})

test('a delivery that comes again before the hand-over is acked with it', async () => {
  const { passes, send, attempt, executor, returnedWhenKilled } = await aLongAttempt()
  await passes(handOverAfterMs / 2)
  await send(attempt)
  await settled()
  await passes(handOverAfterMs / 2)
  expect(executor.runs).toHaveLength(1)
  expect(await returnedWhenKilled()).toBe(0)
})

test('heartbeats list what was told to run, with its run, and tell what is handed over', async () => {
  const { passes, attempt, executor, lastBeat, statuses } = await aLongAttempt()
  await passes(1_000)
  const running = { leases: [attempt.attemptId], lease_runs: [attempt.runId], slots: { local: { busy: 1 } } }
  expect(lastBeat()).toMatchObject({ type: 'worker-heartbeat', ...running, handed_over: [] })
  await passes(handOverAfterMs)
  await passes(1_000)
  expect(lastBeat()).toMatchObject({ ...running, handed_over: [attempt.attemptId] })
  executor.finish(attempt.attemptId)
  await expect.poll(() => statuses(attempt.attemptId).at(-1)).toBe('SUCCESS')
  await passes(1_000)
  expect(lastBeat()).toMatchObject({ leases: [], lease_runs: [], handed_over: [] })
})

test('a lease is renewed until the result is confirmed', async () => {
  let isMute = false
  const { passes, attempt, executor, lastBeat } = await aLongAttempt({
    publish: (broker) => (messages) =>
      isMute && messages.some(({ exchange }) => exchange === '')
        ? Promise.resolve(messages.map(() => 'unknown' as const))
        : broker.publish(messages),
  })
  await passes(handOverAfterMs)
  isMute = true
  executor.finish(attempt.attemptId)
  for (let second = 0; second < 10; second++) await passes(1_000)
  expect(lastBeat()).toMatchObject({ leases: [attempt.attemptId], slots: { local: { busy: 0 } } })
  isMute = false
  for (let second = 0; second < 10; second++) await passes(1_000)
  expect(lastBeat()).toMatchObject({ leases: [] })
})

test('no more run than there are slots, whatever the acks let the broker send; what cannot start is left to others', async () => {
  const { passes, send, executor, waiting, attempt } = await aLongAttempt({
    options: { concurrency: 2, prefetchSurplus: 2 },
  })
  const others = Array.from({ length: 6 }, () => anAttempt())
  for (const other of others) await send(other)
  await settled()
  expect(await waiting()).toBe(3)
  await passes(handOverAfterMs)
  // Both slots are leased: the two that were reserved are for others now, and no more come.
  await settled()
  expect(executor.running).toHaveLength(2)
  expect(await waiting()).toBe(5)
  executor.finish(attempt.attemptId)
  await settled()
  expect(executor.running).toHaveLength(3)
  expect(await waiting()).toBe(4)
  executor.finish(others[0]!.attemptId)
  await settled()
  expect(executor.running).toHaveLength(4)
  expect(await waiting()).toBe(3)
  // Short again: the next ones are reserved ahead.
  executor.finish(executor.running[2]!)
  await settled()
  expect(executor.running).toHaveLength(5)
  expect(await waiting()).toBe(0)
})

test('a free slot beside a leased one is used for one task after the other', async () => {
  const { passes, send, executor, waiting } = await aLongAttempt({
    options: { concurrency: 2, prefetchSurplus: 2 },
  })
  await passes(handOverAfterMs)
  const others = Array.from({ length: 5 }, () => anAttempt())
  for (const other of others) await send(other)
  for (const [index, { attemptId }] of others.entries()) {
    await settled()
    expect(executor.running).toHaveLength(index + 2)
    expect(await waiting()).toBe(4 - index)
    executor.finish(attemptId)
  }
})

test('a leased attempt that is revoked ends, and says so', async () => {
  const { passes, statuses, attempt, client, topology } = await aLongAttempt()
  await passes(handOverAfterMs)
  await client.publish([encodeRevoke(topology.controlExchange, [attempt.attemptId])])
  await expect.poll(() => statuses(attempt.attemptId)).toEqual(['STARTED', 'STARTED', 'REVOKED'])
})

const stopping = async (isObedient = true) => {
  const context = await aLongAttempt({ options: { drainTimeoutMs: 1_000 } })
  context.executor.isObedient = isObedient
  await context.passes(handOverAfterMs)
  return context
}
const ends = (context: { heard: readonly { status: string }[] }): string[] =>
  context.heard.map(({ status }) => status).filter((status) => status !== 'STARTED')

test('a worker that stops gives a leased attempt back to the engine', async () => {
  const context = await stopping()
  const stopped = context.worker.stop()
  await context.passes(1_000)
  await stopped
  expect(ends(context)).toEqual(['RETURNED'])
  expect(await context.waiting()).toBe(0)
})

test('a worker that is aborted says nothing: its leases expire', async () => {
  const context = await stopping()
  await context.worker.abort()
  await settled()
  expect(ends(context)).toEqual([])
  expect(await context.waiting()).toBe(0)
})

test('a leased attempt that ends by itself during the stop is told, not returned', async () => {
  const context = await stopping(false)
  const stopped = context.worker.stop()
  await context.passes(1_000)
  context.executor.finish(context.attempt.attemptId)
  await stopped
  expect(ends(context)).toEqual(['SUCCESS'])
})

test('a stop is not held up by a broker that takes nothing', async () => {
  let isMute = false
  const { passes, worker } = await aLongAttempt({
    options: { drainTimeoutMs: 1_000 },
    publish: (broker) => (messages) =>
      isMute ? Promise.resolve(messages.map(() => 'unknown' as const)) : broker.publish(messages),
  })
  await passes(handOverAfterMs)
  isMute = true
  const stopped = worker.stop()
  for (let second = 0; second < 5; second++) await passes(1_000)
  await stopped
  expect(worker.state).toBe('stopped')
})

test('a task that waits too long behind attempts that cannot be handed over goes back', async () => {
  const { send, waiting, clock } = await aLongAttempt({
    isLeasable: false,
    options: { concurrency: 1, prefetchSurplus: 1 },
  })
  const startedAt = clock.now()
  const second = anAttempt()
  await send(second)
  await settled()
  expect(await waiting()).toBe(0)
  let returned = 0
  while (clock.now() - startedAt < handOverAfterMs * 2) {
    clock.advance(1_000)
    returned += await waiting()
    await settled()
  }
  expect(returned).toBe(1)
})
