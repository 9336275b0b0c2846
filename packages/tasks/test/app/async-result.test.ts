import { expect, test } from 'vitest'
import { z } from 'zod'
import { decodeControlMessage, type ControlMessage } from '@celeriac/contracts'
import { AsyncResult, chain, TaskError, type ResultTuple } from '../../src/index.ts'
import { memoryApp } from './memory-app.ts'

const failure = { exc_type: 'ValueError', exc_message: ['bad'], exc_module: 'builtins' }
const failed = { status: 'FAILURE', result: failure, traceback: 'Traceback …' }

test('get gives what the task returned, whether it is there already or comes later', async () => {
  const { app, store } = await memoryApp()
  const result = await app.sendTask<number>('tasks.add')
  const early = result.get()
  await store(result.id, { status: 'STARTED', result: { pid: 1 } })
  await store(result.id, { result: 5 })
  expect(await early).toBe(5)
  expect(await result.get()).toBe(5)
  expect(await app.result(result.id).get()).toBe(5)
})

test('get throws what the task failed with, or gives it when it is not to propagate', async () => {
  const { app, store } = await memoryApp()
  await store('a', failed)
  const result = app.result('a')
  await expect(result.get()).rejects.toMatchObject({
    name: 'ValueError',
    message: 'bad',
    excModule: 'builtins',
    traceback: 'Traceback …',
  })
  expect(await result.get({ propagate: false })).toBeInstanceOf(TaskError)
  expect(await result.traceback()).toBe('Traceback …')
})

test('get ends after its timeout, and with the reason of its signal', async () => {
  const { app } = await memoryApp()
  const result = app.result('a')
  await expect(result.get({ timeout: 0.01 })).rejects.toMatchObject({ name: 'ResultTimeoutError' })
  const aborting = new AbortController()
  const waiting = expect(result.get({ signal: aborting.signal })).rejects.toThrow('enough')
  aborting.abort(new Error('enough'))
  await waiting
})

test.each([
  [null, 'PENDING', [false, false, false], null],
  [{ status: 'STARTED', result: { pid: 1 } }, 'STARTED', [false, false, false], { pid: 1 }],
  [{ status: 'PROGRESS', result: 0.5 }, 'PROGRESS', [false, false, false], 0.5],
  [{ result: 3 }, 'SUCCESS', [true, true, false], 3],
  [failed, 'FAILURE', [true, false, true], expect.objectContaining({ name: 'ValueError' })],
])('the state of %j is told', async (meta, status, [isReady, isSuccessful, isFailed], value) => {
  const { app, store } = await memoryApp()
  if (meta !== null) await store('a', meta)
  const result = app.result('a')
  expect(await result.status()).toBe(status)
  expect([await result.ready(), await result.successful(), await result.failed()]).toEqual([
    isReady,
    isSuccessful,
    isFailed,
  ])
  expect(await result.result()).toEqual(value)
})

test('collect goes through all that the task has called, breadth first', async () => {
  const { app, store } = await memoryApp()
  const leaf = (id: string): ResultTuple => [[id, null], null]
  const children: readonly ResultTuple[] = [
    leaf('b'),
    [
      ['g', null],
      [leaf('c'), leaf('d')],
    ],
  ]
  await store('a', { result: 1, children })
  await store('b', { result: 2, children: [leaf('e')] })
  for (const [id, result] of Object.entries({ c: 3, d: 4, e: 5 })) await store(id, { result })
  const collected: (readonly [string, unknown])[] = []
  for await (const [result, value] of app.result('a').collect()) collected.push([result.id, value])
  expect(collected).toEqual([
    ['a', 1],
    ['b', 2],
    ['g', [3, 4]],
    ['e', 5],
    ['c', 3],
    ['d', 4],
  ])
})

test('a result crosses as JSON with the steps before it', async () => {
  const { app } = await memoryApp()
  const step = app.task('tasks.step', z.tuple([z.number()]), ([x]) => x)
  const last = await app.apply(chain(step.s(1), step.s()))
  const tuple = JSON.parse(JSON.stringify(last)) as ResultTuple
  const again = app.resultFrom(tuple)
  expect(again).toBeInstanceOf(AsyncResult)
  expect([again.id, again.parent?.id, again.parent?.parent]).toEqual([last.id, last.parent?.id, null])
})

test('forget deletes the result and those of the steps before', async () => {
  const { app, store } = await memoryApp()
  await store('a', { result: 1 })
  await store('b', { result: 2 })
  await app.resultFrom([['b', [['a', null], null]], null]).forget()
  expect([await app.result('a').meta(), await app.result('b').meta()]).toEqual([null, null])
})

test('revoke is told to all workers', async () => {
  const { app, other } = await memoryApp()
  await app.control.enableEvents() // now the exchange exists
  const heard: ControlMessage[] = []
  await other.declarePrivateQueue({
    name: 'node',
    bindings: [{ exchange: 'celery.pidbox', routingKey: '' }],
  })
  await other.consume({
    queue: 'node',
    prefetch: 0,
    noAck: true,
    onDelivery: (delivery) => heard.push(decodeControlMessage(delivery)),
  })
  await app.result('a').revoke({ terminate: true, signal: 'SIGKILL' })
  await expect
    .poll(() => heard)
    .toMatchObject([
      { method: 'revoke', arguments: { task_id: ['a'], terminate: true, signal: 'SIGKILL' }, replyTo: null },
    ])
})
