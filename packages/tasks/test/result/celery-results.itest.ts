/** Python Celery and this package read each other's results, errors and groups. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  CalendarDate,
  ChordError,
  Decimal,
  encodeException,
  exceptionOf,
  joinValues,
  TaskError,
  toTaskError,
  Uuid,
  type ResultBackend,
  type ResultTuple,
  type TaskMeta,
  type TaskValue,
} from '../../src/index.ts'
import type { PythonPeer } from '../python/python-peer.ts'
import { aMeta, startCeleryPeer, type CeleryPeer } from './celery-peer.ts'

let peer: CeleryPeer
let python: PythonPeer
let backend: ResultBackend
beforeAll(async () => {
  peer = await startCeleryPeer()
  ;({ python, backend } = peer)
})
afterAll(() => peer?.close())

const store = (...metas: readonly TaskMeta[]): Promise<void> =>
  backend.store(metas.map((each) => ({ meta: each, replyTo: null })))
const find = async (taskId: string): Promise<TaskMeta | undefined> =>
  (await backend.find([taskId])).get(taskId)

const values: readonly (readonly [string, TaskValue])[] = [
  ['scalars', [null, true, -1, 1.5, 2n ** 64n, '标签 \0\u{1f600}']],
  ['nested', { a: [1, { b: [[], {}] }], '': 'x' }],
  ['date', CalendarDate.parse('2026-11-21')],
  ['decimal', Decimal.parse('1.50')],
  ['uuid', Uuid.parse('12345678-1234-5678-1234-567812345678')],
  ['bytes', new Uint8Array([255, 0])],
]

test.each(values)(
  '%s: a client of Celery gets what is stored here, and the other way round',
  async (same, result) => {
    const ours = aMeta({ result })
    await store(ours)
    expect(await python.ask('get', { task_id: ours.task_id, same })).toMatchObject({
      state: 'SUCCESS',
      is_same: true,
    })
    const theirs = randomUUID()
    await python.ask('store', { task_id: theirs, state: 'SUCCESS', value: same })
    expect((await find(theirs))?.result).toEqual(result)
  },
)

test('a moment keeps its microseconds on the way through', async () => {
  const theirs = randomUUID()
  await python.ask('store', { task_id: theirs, state: 'SUCCESS', value: 'datetime' })
  const found = await find(theirs)
  expect(found?.result).toEqual(new Date('2026-11-21T13:37:00.123Z'))
  const ours = aMeta({ result: found?.result ?? null })
  await store(ours)
  expect(await python.ask('get', { task_id: ours.task_id, same: 'datetime' })).toMatchObject({
    is_same: true,
  })
})

test('a client of Celery that waits is woken by what is stored here', async () => {
  const ours = aMeta({ result: { total: 4 } })
  const waiting = python.ask('get', { task_id: ours.task_id })
  await store(aMeta({ ...ours, status: 'STARTED', result: { pid: 1, hostname: 'w' }, date_done: null }), ours)
  expect(await waiting).toEqual({ state: 'SUCCESS', traceback: null, value: { total: 4 } })
})

test('a watch here hears what Celery stores', async () => {
  const taskId = randomUUID()
  const states: string[] = []
  await backend.watch([taskId], ({ status }) => states.push(status))
  await python.ask('store', { task_id: taskId, state: 'STARTED', result: { pid: 1, hostname: 'w' } })
  await python.ask('store', { task_id: taskId, state: 'SUCCESS', result: 1 })
  await expect.poll(() => states, { timeout: 10_000 }).toEqual(['STARTED', 'SUCCESS'])
})

test("everything that Celery's extended meta says is read, and ours is read there", async () => {
  const theirs = randomUUID()
  const children: readonly ResultTuple[] = [
    [['child', null], null],
    [['group', null], [[['member', null], null]]],
  ]
  await python.ask('store', {
    task_id: theirs,
    state: 'SUCCESS',
    result: 1,
    children,
    group: 'g',
    parent_id: 'p',
  })
  const found = await find(theirs)
  expect(found).toEqual({
    task_id: theirs,
    status: 'SUCCESS',
    result: 1,
    traceback: null,
    children,
    date_done: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*\+00:00$/) as string,
    group_id: 'g',
    parent_id: 'p',
    name: 'tasks.add',
    args: [1, 2],
    kwargs: { z: null },
    worker: 'python@host',
    retries: 1,
    queue: 'celery',
    stamped_headers: ['tenant'],
    stamps: { tenant: 'acme' },
  })
  const ours = { ...found!, task_id: randomUUID(), date_done: '2026-11-21T00:16:56.839554+00:00' }
  await store(ours)
  expect(await python.ask('meta', { task_id: ours.task_id })).toEqual({
    name: 'tasks.add',
    args: [1, 2],
    kwargs: { z: null },
    worker: 'python@host',
    retries: 1,
    queue: 'celery',
    children,
    date_done: ours.date_done,
  })
})

test("Celery's text of a meta and ours are the same fields in the same form", async () => {
  const theirs = randomUUID()
  await python.ask('store', { task_id: theirs, state: 'SUCCESS', result: [1], group: 'g', parent_id: 'p' })
  const key = (taskId: string): string => `${peer.redis.keyPrefix}celery-task-meta-${taskId}`
  const their = await peer.redis.client.get(key(theirs))
  const found = await find(theirs)
  await peer.redis.client.del(key(theirs))
  await store(found!)
  expect(JSON.parse((await peer.redis.client.get(key(theirs))) ?? '')).toEqual(JSON.parse(their ?? ''))
})

test('results that Celery has compressed are read and heard', async () => {
  const taskId = randomUUID()
  const heard: TaskMeta[] = []
  await backend.watch([taskId], (each) => heard.push(each))
  await python.ask('store', { task_id: taskId, state: 'SUCCESS', value: 'nested', compressed: true })
  await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(1)
  expect(heard[0]?.result).toEqual({ a: [1, { b: [[], {}] }], '': 'x' })
  expect((await find(taskId))?.result).toEqual(heard[0]?.result)
})

test.each([
  ['ValueError', 'builtins', ['bad', 1]],
  ['ShopError', '__main__', ['no tea']],
])(
  'an error of Python (%s) arrives with its class, arguments and traceback',
  async (error, excModule, args) => {
    const taskId = randomUUID()
    await python.ask('store', { task_id: taskId, state: 'FAILURE', error })
    const found = await find(taskId)
    expect(found).toMatchObject({ status: 'FAILURE', traceback: 'Traceback of Python' })
    const thrown = toTaskError(exceptionOf(found!), found!.traceback)
    expect(thrown).toBeInstanceOf(TaskError)
    expect(thrown).toMatchObject({ excType: error, excModule, args, traceback: 'Traceback of Python' })
  },
)

test.each([
  [new TypeError('wrong'), ['builtins', 'TypeError', ['wrong']]],
  [new RangeError('far'), ['celery.exceptions', 'RangeError', ['far']]],
  [new ChordError(['Dependency x raised y']), ['celery.exceptions', 'ChordError', ['Dependency x raised y']]],
  [
    new TaskError(['no tea', 3], { excType: 'OutOfStock', excModule: 'shop' }),
    ['celery.exceptions', 'OutOfStock', ['no tea', 3]],
  ],
])('%s is an exception of its class in Python', async (thrown, error) => {
  const ours = aMeta({
    status: 'FAILURE',
    result: encodeException(thrown) as unknown as TaskValue,
    traceback: 'the stack',
  })
  await store(ours)
  expect(await python.ask('get', { task_id: ours.task_id })).toEqual({
    state: 'FAILURE',
    traceback: 'the stack',
    error,
  })
})

test('groups saved on either side are restored on the other, with their values', async () => {
  const [a, b, c] = [aMeta({ result: 1 }), aMeta({ result: 2 }), aMeta({ result: 3 })]
  await store(a, b, c)
  const tupleOf = (groupId: string): ResultTuple => [
    [groupId, null],
    [
      [[a.task_id, null], null],
      [['inner', null], [b, c].map(({ task_id }): ResultTuple => [[task_id, null], null])],
    ],
  ]
  const ours = tupleOf(randomUUID())
  await backend.saveGroup(ours[0][0], ours)
  expect(await python.ask('restore_group', { group_id: ours[0][0] })).toEqual({
    tuple: ours,
    values: [1, [2, 3]],
  })
  const theirs = tupleOf(randomUUID())
  await python.ask('save_group', { result: theirs })
  const found = await backend.findGroup(theirs[0][0])
  expect(found).toEqual(theirs)
  const metas = await backend.find([a, b, c].map(({ task_id }) => task_id))
  expect(joinValues(found!, (taskId) => metas.get(taskId)?.result ?? null)).toEqual([1, [2, 3]])
})
