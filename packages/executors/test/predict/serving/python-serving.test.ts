import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { PredictResponse } from '@celeriac/executors'
import { fakePython, isAlive } from '../../local/setup.ts'
import { aServer, ask } from './setup.ts'

const uri = 'file:///m/0'
const only = ({ predictions }: PredictResponse) => predictions[0] ?? {}

function aMark(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'serving-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return path.join(directory, 'mark')
}

test('a model that does not convert is answered by a process of its own', async () => {
  const { server } = aServer()
  const response = await ask(server, uri, [[7, null]])
  expect(response).toMatchObject({
    predictions: [{ predict_result: 7, loaded: [uri] }],
    model: { name: 'm' },
    runtime: 'python',
    timing: { queueMs: expect.any(Number), computeMs: expect.any(Number), batchRows: 1 },
  })
  // Another process may be loading the model just now.
  await expect.poll(() => server.counts()).toMatchObject({ busy: 0 })
})

test('requests that come while the process is busy go together', async () => {
  const { server } = aServer()
  await ask(server, uri)
  const busy = ask(server, uri, [[0.05, 'sleep']])
  const others = await Promise.all(Array.from({ length: 20 }, (_, x) => ask(server, uri, [[x, null]])))
  expect(others.map((each) => only(each)['predict_result'])).toEqual(others.map((_, x) => x))
  expect(only(others[0] as PredictResponse)['batch']).toBeGreaterThan(10)
  await busy
})

test('a long request is split, and its answers are put together in order', async () => {
  const { server } = aServer({ limits: { maxBatchRows: 10 } })
  const { predictions, timing } = await ask(
    server,
    uri,
    Array.from({ length: 25 }, (_, x) => [x, null]),
  )
  expect(predictions.map((each) => each['predict_result'])).toEqual(Array.from({ length: 25 }, (_, x) => x))
  expect(timing.batchRows).toBe(10)
})

test('a bad row fails its own request, not those that it was sent with', async () => {
  const { server } = aServer()
  const ends = await Promise.allSettled([
    ask(server, uri, [[1, null]]),
    ask(server, uri, [[2, 'invalid']]),
    ask(server, uri, [[3, null]]),
  ])
  expect(ends).toMatchObject([
    { value: { predictions: [{ predict_result: 1 }] } },
    { reason: { code: 'VALIDATION_ROW_INVALID', details: { fields: [{ path: 'rows[0].x' }] } } },
    { value: { predictions: [{ predict_result: 3 }] } },
  ])
})

test('a process that dies costs a retry', async () => {
  const { server } = aServer()
  const before = only(await ask(server, uri))['pid']
  const answer = only(await ask(server, uri, [[2, `die-once ${aMark()}`]]))
  expect(answer).toMatchObject({ predict_result: 2 })
  expect(answer['pid']).not.toBe(before)
})

test('a row that kills its process twice fails; the next request is served', async () => {
  const { server } = aServer()
  await expect(ask(server, uri, [[1, 'kill9']])).rejects.toMatchObject({ code: 'TASK_PROCESS_DIED' })
  expect((await ask(server, uri)).predictions).toHaveLength(1)
})

test('a process that hangs is killed past the deadline, and others take over', async () => {
  const { server } = aServer()
  const pid = Number(only(await ask(server, uri))['pid'])
  await expect(ask(server, uri, [[600, 'sleep']], 50)).rejects.toMatchObject({ code: 'PREDICT_DEADLINE' })
  expect(only(await ask(server, uri))['pid']).not.toBe(pid)
  expect(isAlive(pid)).toBe(false)
})

test('too many rows that wait are shed', async () => {
  const { server } = aServer({ limits: { maxQueuedRows: 2 } })
  await ask(server, uri)
  await expect.poll(() => server.counts()?.idle).toBe(1)
  const busy = ask(server, uri, [[0.05, 'sleep']])
  const waiting = [ask(server, uri), ask(server, uri)]
  await expect(ask(server, uri)).rejects.toMatchObject({ code: 'PREDICT_SHED' })
  await Promise.all([busy, ...waiting])
})

test('a model that does not exist, and one that kills its processes, fail; neither stops another', async () => {
  const { server } = aServer()
  await expect(ask(server, 'file:///m/missing')).rejects.toMatchObject({ code: 'TASK_ARTIFACT_NOT_FOUND' })
  await expect(ask(server, 'file:///m/fatal')).rejects.toMatchObject({ code: 'TASK_PROCESS_DIED' })
  expect((await ask(server, uri)).predictions).toHaveLength(1)
})

test('models that do not fit together take turns', async () => {
  const { server } = aServer({ limits: { memoryBytes: 1_000_000 } })
  const [a, b] = ['file:///a/bytes=800000', 'file:///b/bytes=800000']
  for (let turn = 0; turn < 3; turn++) {
    // Asked for at the same time, neither keeps the other from being answered.
    const answers = await Promise.all([ask(server, a), ask(server, b), ask(server, a)])
    expect(answers.every(({ predictions }) => predictions.length === 1)).toBe(true)
  }
  await ask(server, b)
  await expect.poll(async () => only(await ask(server, b))['loaded']).toEqual([b])
})

test('a routed model is loaded and warmed in every process before it is asked for', async () => {
  const { server } = aServer({ processes: 2 })
  await server.route({ name: 'm', uris: [uri] })
  await expect.poll(() => server.counts()?.idle).toBe(2)
  const [slow, quick] = [ask(server, uri, [[0.3, 'sleep']]), ask(server, uri)]
  const [first, second] = await Promise.all([slow, quick])
  expect(only(first)['loaded']).toEqual([uri])
  expect(only(second)['loaded']).toEqual([uri])
})

test('a new process loads what traffic is routed to', async () => {
  const { server } = aServer()
  const [routed, other] = ['file:///routed/0', 'file:///other/0']
  await server.route({ name: 'routed', uris: [routed] })
  await expect(ask(server, other, [[1, 'kill9']])).rejects.toMatchObject({ code: 'TASK_PROCESS_DIED' })
  const { loaded } = only(await ask(server, other))
  await expect.poll(async () => only(await ask(server, other))['loaded']).toContain(routed)
  expect(loaded).toContain(other)
})

test('an unloaded model leaves its processes', async () => {
  const { server } = aServer()
  const other = 'file:///other/0'
  await ask(server, uri)
  await server.route({ name: 'm', uris: [], unload: [uri] })
  expect(only(await ask(server, other))['loaded']).toEqual([other])
})

test('without Python, requests for it fail and those for native models do not', async () => {
  const { server } = aServer({ python: { ...fakePython, env: { ...fakePython.env, FAKE_PARENT: 'exit' } } })
  await expect(ask(server, uri)).rejects.toMatchObject({ code: 'EXECUTOR_UNAVAILABLE' })
  expect((await ask(server, 'native:///m/0')).runtime).toBe('native')
})

test('a server that stops fails what waits, and leaves no process', async () => {
  const { server } = aServer()
  const pid = Number(only(await ask(server, uri))['pid'])
  const waiting = [ask(server, uri, [[60, 'sleep']]), ask(server, uri)]
  const ends = Promise.allSettled(waiting)
  await server.stop()
  const stopped = { status: 'rejected', reason: { code: 'EXECUTOR_UNAVAILABLE' } }
  expect(await ends).toMatchObject([stopped, stopped])
  expect(isAlive(pid)).toBe(false)
})
