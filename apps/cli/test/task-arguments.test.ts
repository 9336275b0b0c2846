import { CalendarDate, Decimal } from '@celeriac/tasks'
import { expect, test } from 'vitest'
import { argsOf, callOptionsOf } from '../src/tasks/call-arguments.ts'
import {
  controlCallOf,
  controlNames,
  controlUsage,
  type ControlName,
} from '../src/tasks/control-arguments.ts'
import { plainJson, shownJson } from '../src/tasks/plain-json.ts'
import { runCli } from './cli-harness.ts'

const forms: readonly (readonly [ControlName, readonly string[], object])[] = [
  ['revoke', ['a', 'b'], { task_id: ['a', 'b'], terminate: false, signal: 'SIGTERM' }],
  ['terminate', ['SIGKILL', 'a'], { task_id: ['a'], signal: 'SIGKILL' }],
  [
    'revoke_by_stamped_headers',
    ['customer=a=b'],
    { headers: ['customer=a=b'], terminate: false, signal: 'SIGTERM' },
  ],
  ['rate_limit', ['tasks.add', '10/m'], { task_name: 'tasks.add', rate_limit: '10/m' }],
  ['time_limit', ['tasks.add', '1.5'], { task_name: 'tasks.add', soft: 1.5, hard: null }],
  ['time_limit', ['tasks.add', 'none', '9'], { task_name: 'tasks.add', soft: null, hard: 9 }],
  ['pool_grow', [], { n: 1 }],
  ['pool_shrink', ['3'], { n: 3 }],
  ['autoscale', ['8', '2'], { max: 8, min: 2 }],
  ['add_consumer', ['q'], { queue: 'q', exchange: null, exchange_type: 'direct', routing_key: null }],
  [
    'add_consumer',
    ['q', 'e', 'topic', 'a.#'],
    { queue: 'q', exchange: 'e', exchange_type: 'topic', routing_key: 'a.#' },
  ],
  ['cancel_consumer', ['q'], { queue: 'q' }],
  ['enable_events', [], {}],
  ['disable_events', [], {}],
  ['heartbeat', [], {}],
  ['shutdown', [], {}],
]

test.each(forms)('control %s %j is sent as Celery sends it', (name, args, given) => {
  expect(controlCallOf(name, args, {})).toEqual({
    method: name,
    arguments: given,
    isAnswered: name !== 'heartbeat' && name !== 'shutdown',
  })
})

test('every control command has a form and a line of help', () => {
  expect(new Set(forms.map(([name]) => name))).toEqual(new Set(controlNames))
  expect(controlUsage().split('\n')).toHaveLength(controlNames.length)
})

test('revoke passes on how to terminate', () => {
  const flags = { terminate: true, signal: 'SIGUSR1' }
  expect(controlCallOf('revoke', ['a'], flags).arguments).toMatchObject(flags)
})

test.each([
  ['control', 'rate_limit', 'tasks.add'],
  ['control', 'enable_events', 'now'],
  ['control', 'pool_grow', '0'],
  ['control', 'time_limit', 'tasks.add', 'soon'],
  ['control', 'revoke_by_stamped_headers', 'customer'],
  ['control', 'explode'],
  ['inspect', 'mood'],
  ['inspect', 'query_task'],
  ['inspect', 'ping', 'now'],
  ['inspect', 'ping', '-d', 'a', '--pattern', 'b'],
  ['inspect', 'ping', '--timeout', '0'],
  ['events', '--limit', '0'],
  ['call', 'tasks.add', '--args', '[1'],
  ['call', 'tasks.add', '--args', '{}'],
  ['call', 'tasks.add', '[1]', '--args', '[1]'],
  ['call', 'tasks.add', '--kwargs', '[]'],
  ['call', 'tasks.add', '--countdown', '1', '--eta', '2026-11-21T00:00:00Z'],
  ['call', 'tasks.add', '--eta', '2026-11-21T00:00:00'],
  ['call', 'tasks.add', '--priority', '256'],
  ['purge', 'celery'],
  ['parked', 'replay'],
  ['parked', 'replay', '--all', '--id', 'a'],
  ['parked', 'list', '--limit', '10001'],
])('%j %j %j %j %j is a fault of the command line', async (...args) => {
  const given = args.filter((arg) => arg !== undefined)
  expect(await runCli(...given, '--amqp-url', 'amqp://127.0.0.1:1')).toMatchObject({ code: 2, out: '' })
})

test('without a broker the configuration is at fault', async () => {
  expect(await runCli('inspect', 'ping', '--amqp-url', 'http://x')).toMatchObject({ code: 78 })
})

test('the arguments of a call are JSON', () => {
  expect(argsOf({ args: '[1, {"a": null}]', kwargs: '{"x": [true]}' })).toEqual({
    args: [1, { a: null }],
    kwargs: { x: [true] },
  })
  expect(argsOf({})).toEqual({ args: [], kwargs: {} })
  expect(argsOf({}, '[1]')).toEqual({ args: [1], kwargs: {} })
})

test('the options of a call are those that were given', () => {
  expect(callOptionsOf({})).toEqual({})
  expect(callOptionsOf({ queue: 'q', priority: 0, countdown: 1.5, expires: '60', taskId: 'a' })).toEqual({
    queue: 'q',
    priority: 0,
    countdown: 1.5,
    expires: 60,
    taskId: 'a',
  })
  const moment = '2026-11-21T08:00:00+01:00'
  expect(callOptionsOf({ eta: moment, expires: moment })).toEqual({
    eta: new Date(moment),
    expires: new Date(moment),
  })
})

test('values of tasks are shown as plain JSON', () => {
  const value = {
    big: 12345678901234567890n,
    at: new Date('2026-11-21T00:00:00Z'),
    day: CalendarDate.parse('2026-11-21'),
    price: Decimal.parse('1.10'),
    bytes: new Uint8Array([1, 2]),
    list: [null, undefined],
  }
  expect(plainJson(value)).toEqual({
    big: '12345678901234567890',
    at: '2026-11-21T00:00:00.000Z',
    day: '2026-11-21',
    price: '1.10',
    bytes: 'AQI=',
    list: [null, null],
  })
  expect([plainJson(undefined), shownJson(null), shownJson('text'), shownJson([1])]).toEqual([
    null,
    '',
    'text',
    '[1]',
  ])
})
