import type { JsonValue } from '@celeriac/core'
import { expect, test } from 'vitest'
import { memoryNodes } from './memory-nodes.ts'

const task = {
  id: 'a',
  name: 'tasks.add',
  args: [1, 2],
  kwargs: {},
  type: 'tasks.add',
  hostname: 'celery@one',
  time_start: 1_700_000_000.5,
  acknowledged: true,
  delivery_info: { exchange: '', routing_key: 'celery', priority: 0, redelivered: false },
  worker_pid: 12,
}
const answers: Readonly<Record<string, JsonValue>> = {
  active: [task],
  reserved: [{ ...task, time_start: null, worker_pid: null, of_the_future: true }],
  scheduled: [{ eta: '2026-11-21T00:00:00+00:00', priority: 6, request: task }],
  revoked: ['b', 'c'],
  registered: ['tasks.add [rate_limit=10/s]'],
  stats: { total: { 'tasks.add': 3 }, pid: 1, clock: '42', uptime: 7, pool: { 'max-concurrency': 2 } },
  conf: { task_default_queue: 'celery', timezone: null },
  active_queues: [{ name: 'celery', exchange: { name: 'celery', type: 'direct' }, routing_key: 'celery' }],
  query_task: { a: ['active', task] },
  report: { ok: 'software -> celery:5.6' },
  clock: { clock: 42 },
}

test('each question is asked as Celery does, and its answer comes typed', async () => {
  const { control, addNode, messages } = await memoryNodes()
  await addNode('celery@one', ({ method }) => answers[method])
  const { inspect } = control
  const one = { limit: 1 }
  const ofOne = (answer: unknown) => new Map([['celery@one', answer]])
  expect(await inspect.active(one)).toEqual(ofOne(answers['active']))
  expect(await inspect.reserved(one)).toEqual(ofOne(answers['reserved']))
  expect(await inspect.scheduled(one)).toEqual(ofOne(answers['scheduled']))
  expect(await inspect.revoked(one)).toEqual(ofOne(['b', 'c']))
  expect(await inspect.registered({ ...one, items: ['rate_limit'] })).toEqual(ofOne(answers['registered']))
  expect(await inspect.stats(one)).toEqual(ofOne(answers['stats']))
  expect(await inspect.conf({ ...one, withDefaults: true })).toEqual(ofOne(answers['conf']))
  expect(await inspect.activeQueues(one)).toEqual(ofOne(answers['active_queues']))
  expect(await inspect.queryTask(['a'], one)).toEqual(ofOne(answers['query_task']))
  expect(await inspect.report(one)).toEqual(ofOne('software -> celery:5.6'))
  expect(await inspect.clock(one)).toEqual(ofOne(42))
  expect(messages.map((message) => [message.method, message.arguments])).toEqual([
    ['active', {}],
    ['reserved', {}],
    ['scheduled', {}],
    ['revoked', {}],
    ['registered', { taskinfoitems: ['rate_limit'] }],
    ['stats', {}],
    ['conf', { with_defaults: true }],
    ['active_queues', {}],
    ['query_task', { ids: ['a'] }],
    ['report', {}],
    ['clock', {}],
  ])
})

test('a worker that answers with an error is left out', async () => {
  const { control, addNode } = await memoryNodes()
  await addNode('celery@one', () => ({ error: "KeyError('x')" }))
  await addNode('celery@two', () => [task])
  expect([...(await control.inspect.active({ limit: 2 })).keys()]).toEqual(['celery@two'])
})
