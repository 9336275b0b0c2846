import { AppError, type Broker } from '@celeriac/core'
import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { withPublish } from '../setup.ts'
import { gate, inMemory, plainSetup } from './plain-setup.ts'

async function setup() {
  const clock = new FakeClock()
  const plain = await plainSetup(inMemory(clock))
  const runs: { readonly task: string; readonly at: number; readonly retries: number }[] = []
  const beganAt = clock.now()
  const record = (name: string, options = {}): void =>
    plain.task(
      name,
      (_args, _kwargs, { request }) => {
        runs.push({ task: name, at: (clock.now() - beganAt) / 1_000, retries: request.retries })
      },
      options,
    )
  /** Lets what is on its way arrive, without time passing. */
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  }
  /** Time passes in steps of a tenth of a second, each of which is over before the next. */
  const pass = async (seconds: number): Promise<void> => {
    for (let tenth = 0; tenth < seconds * 10; tenth++) {
      await settled()
      clock.advance(100)
    }
    await settled()
  }
  return { ...plain, clock, runs, record, pass, settled }
}

test('a countdown waits on the broker: no slot, no prefetch, and the worker that called it can go', async () => {
  const { call, record, runs, pass, startWorker, depth, stateOf } = await setup()
  record('later')
  record('now')
  const first = await startWorker({ concurrency: 1, prefetchMultiplier: 1 })
  const ids = await Promise.all(Array.from({ length: 10 }, () => call('later', [], { countdown: 5 })))
  await pass(1)
  expect(await depth()).toMatchObject({ messages: 0, consumers: 1 })
  await call('now')
  await pass(0.1)
  expect(runs.map(({ task }) => task)).toEqual(['now'])
  await first.stop()
  await startWorker()
  await pass(6)
  expect(runs.slice(1).every(({ task, at }) => task === 'later' && at >= 5 && at < 6)).toBe(true)
  expect(await Promise.all(ids.map(stateOf))).toEqual(Array.from({ length: 10 }, () => 'SUCCESS'))
})

test('a message with an eta that comes straight to the queue, as older Celery sends it, is sent back to wait', async () => {
  const { client, bareMessage, record, runs, pass, startWorker, depth, clock } = await setup()
  record('later')
  const worker = await startWorker({ concurrency: 1, prefetchMultiplier: 1 })
  const eta = new Date(clock.now() + 3_000).toISOString()
  await client.publish([bareMessage('later', { eta })])
  await pass(1)
  // Nothing is held: the worker has given the message back to the broker, and its prefetch is free.
  expect(worker.counts()).toEqual({ active: 0, processed: 0 })
  await worker.stop()
  expect((await depth())?.messages).toBe(0)
  await startWorker()
  await pass(3)
  expect(runs).toMatchObject([{ task: 'later', at: expect.closeTo(3, 0) }])
})

test.each(['confirmed', 'unroutable'] as const)(
  'a worker that stops while it sends a task back to wait gives it back once (%s)',
  async (outcome) => {
    const { connect, client, bareMessage, record, runs, pass, settled, startWorker, depth, clock } =
      await setup()
    record('later')
    const broker = await connect()
    const confirmed = gate()
    let isSent = false
    const slow = withPublish(broker, async (messages) => {
      if (messages.some(({ exchange }) => exchange.startsWith('celery_delayed_'))) {
        isSent = true
        await confirmed.opened
        if (outcome === 'unroutable') return messages.map(() => outcome)
      }
      return broker.publish(messages)
    })
    const worker = await startWorker({ broker: slow })
    const eta = new Date(clock.now() + 3_000).toISOString()
    await client.publish([bareMessage('later', { eta })])
    await settled()
    expect(isSent).toBe(true)
    const stopped = worker.stop()
    await settled()
    confirmed.open()
    await stopped
    expect(await depth()).toMatchObject({ messages: outcome === 'confirmed' ? 0 : 1, consumers: 0 })
    await startWorker()
    await pass(5)
    expect(runs).toHaveLength(1)
  },
)

test('what cannot be sent back to wait is held, and given back by a worker that stops', async () => {
  const { connect, client, bareMessage, record, runs, pass, startWorker, depth, clock } = await setup()
  record('later')
  const broker = await connect()
  const undelayed: Broker = {
    ...withPublish(broker, (messages) => broker.publish(messages)),
    declare: (declaration) =>
      (declaration.exchanges ?? []).length > 0
        ? Promise.reject(new AppError('BROKER_UNAVAILABLE', 'declared otherwise'))
        : broker.declare(declaration),
  }
  const worker = await startWorker({ broker: undelayed, concurrency: 1, prefetchMultiplier: 1 })
  const eta = new Date(clock.now() + 3_000).toISOString()
  await client.publish([bareMessage('later', { eta })])
  await pass(1)
  expect((await depth())?.messages).toBe(0)
  await worker.stop()
  expect((await depth())?.messages).toBe(1)
  await startWorker({ broker: undelayed })
  await pass(3)
  expect(runs).toMatchObject([{ at: expect.closeTo(3, 0) }])
})

test('a retry runs under the same id after its countdown, and RETRY is stored in between', async () => {
  const { task, call, metaOf, pass, startWorker } = await setup()
  task('flaky', (_args, _kwargs, context) => {
    if (context.request.retries < 2) context.retry({ countdown: 4, cause: new Error('not yet') })
    return context.request.retries
  })
  await startWorker()
  const id = await call('flaky')
  await pass(1)
  expect(await metaOf(id)).toMatchObject({ status: 'RETRY', result: { exc_type: 'Exception' } })
  await pass(9)
  expect(await metaOf(id)).toMatchObject({ status: 'SUCCESS', result: 2 })
})

test('automatic retries follow the policy of the task, and the last error counts', async () => {
  const { task, call, metaOf, pass, startWorker, clock } = await setup()
  const began = clock.now()
  const at: number[] = []
  task(
    'unlucky',
    () => {
      at.push(Math.round((clock.now() - began) / 1_000))
      throw new RangeError('no luck')
    },
    {
      retryFor: (error) => error instanceof RangeError,
      retryBackoff: 2,
      retryBackoffMax: 5,
      retryJitter: false,
      maxRetries: 3,
    },
  )
  await startWorker()
  const id = await call('unlucky')
  await pass(13)
  // 2 s, 4 s, then the 8 s that the limit cuts to 5 s.
  expect(at).toEqual([0, 2, 6, 11])
  expect(await metaOf(id)).toMatchObject({ status: 'FAILURE', result: { exc_type: 'RangeError' } })
})

test('a task that comes after its expiry is revoked, also when it expired while it waited for a slot', async () => {
  const { task, call, client, bareMessage, metaOf, pass, startWorker, settled, record, runs, clock } =
    await setup()
  record('quick')
  task('slow', (_args, _kwargs, { signal }) => {
    const { opened, open } = gate()
    clock.after(5_000, open)
    signal.addEventListener('abort', () => open())
    return opened
  })
  await client.publish([bareMessage('quick', { task_id: 'late', expires: 2 })])
  await pass(3)
  await startWorker({ concurrency: 1 })
  await settled()
  expect(await metaOf('late')).toMatchObject({
    status: 'REVOKED',
    result: { exc_type: 'TaskRevokedError', exc_message: ['expired'] },
  })
  await call('slow')
  const waiting = await call('quick', [], { expires: 2 })
  await pass(6)
  expect(await metaOf(waiting)).toMatchObject({ status: 'REVOKED' })
  expect(runs).toEqual([])
})

test('a rate limit spaces the runs evenly; what has to wait for long does so on the broker', async () => {
  const { call, record, runs, pass, startWorker, control, settled } = await setup()
  record('limited', { rateLimit: '2/s' })
  record('free')
  await startWorker({ concurrency: 4, prefetchMultiplier: 1 })
  for (let n = 0; n < 8; n++) await call('limited')
  await settled()
  await call('free')
  await settled()
  // The limited ones do not stand in its way.
  expect(runs.map(({ task }) => task)).toEqual(['limited', 'free'])
  await pass(10)
  const at = runs.filter(({ task }) => task === 'limited').map((run) => run.at)
  expect(at).toHaveLength(8)
  for (const [index, each] of at.entries())
    if (index > 0) expect(each - at[index - 1]!).toBeGreaterThanOrEqual(0.5)
  expect(await control('rate_limit', { task_name: 'limited', rate_limit: 'often' })).toEqual({
    error: expect.stringContaining('Invalid rate limit string'),
  })
  expect(await control('rate_limit', { task_name: 'limited', rate_limit: 0 })).toEqual({
    ok: 'rate limit disabled successfully',
  })
  runs.length = 0
  for (let n = 0; n < 8; n++) await call('limited')
  await settled()
  expect(runs).toHaveLength(8)
})
