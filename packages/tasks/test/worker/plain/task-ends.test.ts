import { chain, chord, group, signature } from '../../../src/canvas/signature.ts'
import { Ignore, Reject } from '@celeriac/tasks'
import { expect, test } from 'vitest'
import { gate, plainSetup } from './plain-setup.ts'

const add = ([x, y]: readonly unknown[]): number => Number(x) + Number(y)

test('a task is run with its arguments, its result stored, its message acknowledged', async () => {
  const { task, call, metaOf, startWorker, depth } = await plainSetup()
  task('add', add)
  const worker = await startWorker()
  const id = await call('add', [2, 3])
  await expect.poll(() => metaOf(id)).toMatchObject({ status: 'SUCCESS', result: 5, children: [] })
  await worker.stop()
  expect(await depth()).toMatchObject({ messages: 0, consumers: 0 })
  expect(worker.counts()).toEqual({ active: 0, processed: 1 })
})

test('tasks that end at once run in the order in which they came, one slot after the other and none inside of another', async () => {
  const { task, call, startWorker } = await plainSetup()
  const count = 1_500
  const order: unknown[] = []
  let isRunning = false
  const first = gate()
  task('first', () => first.opened, { ignoreResult: true })
  task(
    'quick',
    ([index]) => {
      expect(isRunning).toBe(false)
      isRunning = true
      // Each call of a handler inside of the one before would take some frames more.
      const { stackTraceLimit } = Error
      Error.stackTraceLimit = 500
      expect((new Error('here').stack ?? '').split('\n').length).toBeLessThan(100)
      Error.stackTraceLimit = stackTraceLimit
      order.push(index)
      isRunning = false
    },
    { ignoreResult: true },
  )
  const worker = await startWorker({ concurrency: 1, prefetchMultiplier: 2 * count })
  await call('first')
  for (let index = 0; index < count; index++) await call('quick', [index])
  first.open()
  await expect.poll(() => worker.counts()).toEqual({ active: 0, processed: count + 1 })
  expect(order).toEqual(Array.from({ length: count }, (_, index) => index))
})

test('an error is stored by class and arguments, with its traceback', async () => {
  const { task, call, metaOf, startWorker } = await plainSetup()
  task('fail', () => {
    throw new RangeError('too far')
  })
  await startWorker()
  const id = await call('fail')
  await expect
    .poll(() => metaOf(id))
    .toMatchObject({
      status: 'FAILURE',
      result: { exc_type: 'RangeError', exc_message: ['too far'] },
      traceback: expect.stringContaining('too far'),
    })
})

test('a task that no worker knows fails as NotRegistered', async () => {
  const { call, metaOf, startWorker, depth } = await plainSetup()
  const worker = await startWorker()
  const id = await call('nobody.knows')
  await expect
    .poll(() => metaOf(id))
    .toMatchObject({
      status: 'FAILURE',
      result: { exc_type: 'NotRegistered', exc_message: ['nobody.knows'], exc_module: 'celery.exceptions' },
    })
  await worker.stop()
  expect((await depth())?.messages).toBe(0)
})

test('Ignore stores nothing; Reject fails the task, or sends it back', async () => {
  const { task, call, stateOf, startWorker } = await plainSetup()
  let rejections = 0
  task('ignore', () => {
    throw new Ignore()
  })
  task('reject', () => {
    throw new Reject('no')
  })
  task('requeue', () => {
    rejections += 1
    if (rejections < 3) throw new Reject('later', true)
    return 'done'
  })
  const worker = await startWorker()
  const ids = [await call('ignore'), await call('reject'), await call('requeue')]
  await expect.poll(() => Promise.all(ids.map(stateOf))).toEqual(['PENDING', 'FAILURE', 'SUCCESS'])
  expect(rejections).toBe(3)
  await worker.stop()
})

test('a result that cannot be written fails the task instead of repeating it', async () => {
  const { task, call, metaOf, startWorker } = await plainSetup()
  let runs = 0
  task('odd', () => {
    runs += 1
    return () => 'a function'
  })
  await startWorker()
  const id = await call('odd')
  await expect.poll(() => metaOf(id)).toMatchObject({ status: 'FAILURE' })
  expect(runs).toBe(1)
})

test('links, chains, groups and chords are followed to their end', async () => {
  const { task, send, metaOf, startWorker } = await plainSetup()
  task('add', add)
  task('sum', ([all]) => (all as number[]).reduce((total, each) => total + each, 0))
  await startWorker()
  const id = await send(
    chain(
      signature('add', [1, 1]),
      chord([signature('add', [1]), signature('add', [2]), group(signature('add', [3]))], signature('sum')),
      signature('add', [100]),
    ),
  )
  // 2 → (3, 4, [5]) is a header of three results, of which the last is a list of one.
  await expect.poll(() => metaOf(id)).toMatchObject({ status: 'SUCCESS', result: 112 })
})

test('a failed header member fails the body with a ChordError, and an errback hears of it', async () => {
  const { task, send, metaOf, startWorker } = await plainSetup()
  const heard = gate<unknown>()
  task('ok', () => 1)
  task('bad', () => {
    throw new TypeError('bad member')
  })
  task('sum', () => 0)
  task('errback', ([id]) => heard.open(id))
  await startWorker()
  const body = signature<readonly [readonly unknown[]]>('sum').onError(signature('errback'))
  const id = await send(chord([signature('ok'), signature('bad')], body))
  await expect
    .poll(() => metaOf(id))
    .toMatchObject({
      status: 'FAILURE',
      result: { exc_type: 'ChordError' },
    })
  expect(await heard.opened).toBe(id)
})

test('what a handler calls is its child, and a replacement takes its place', async () => {
  const { task, call, metaOf, startWorker } = await plainSetup()
  task('add', add)
  task('parent', async (_args, _kwargs, context) => {
    const child = await context.apply(signature('add', [1, 2]))
    return child?.[0][0] ?? null
  })
  task('replaced', (_args, _kwargs, context) => context.replace(signature('add', [20, 22])))
  await startWorker()
  const [parent, replaced] = [await call('parent'), await call('replaced')]
  await expect.poll(() => metaOf(parent)).toMatchObject({ status: 'SUCCESS' })
  const { result, children } = (await metaOf(parent)) ?? { result: null, children: [] }
  expect(children).toEqual([[[result, null], null]])
  await expect.poll(() => metaOf(result as string)).toMatchObject({ result: 3, parent_id: parent })
  await expect.poll(() => metaOf(replaced)).toMatchObject({ status: 'SUCCESS', result: 42 })
})

test('states of the task’s own and STARTED are stored while it runs', async () => {
  const { task, call, metaOf, startWorker } = await plainSetup()
  const [told, goOn] = [gate(), gate()]
  task(
    'slow',
    async (_args, _kwargs, context) => {
      await told.opened
      await context.updateState('PROGRESS', { done: 1 })
      await goOn.opened
      return 'end'
    },
    { trackStarted: true },
  )
  const worker = await startWorker()
  const id = await call('slow')
  await expect
    .poll(() => metaOf(id))
    .toMatchObject({
      status: 'STARTED',
      result: { pid: process.pid, hostname: worker.nodeName },
    })
  told.open()
  await expect.poll(() => metaOf(id)).toMatchObject({ status: 'PROGRESS', result: { done: 1 } })
  goOn.open()
  await expect.poll(() => metaOf(id)).toMatchObject({ status: 'SUCCESS', result: 'end' })
})

test('a malformed message is parked, and the worker goes on', async () => {
  const { client, queue, topology, task, call, stateOf, startWorker, depth } = await plainSetup()
  task('add', add)
  await startWorker()
  await client.publish([
    { exchange: '', routingKey: queue, contentType: 'application/json', body: Buffer.from('{') },
  ])
  const id = await call('add', [1, 1])
  await expect.poll(() => stateOf(id)).toBe('SUCCESS')
  await expect.poll(async () => (await depth(topology.deadLetter))?.messages).toBe(1)
})
