import { expect, test } from 'vitest'
import type { Delivery, JsonObject } from '@celeriac/core'
import { decodeTaskCall } from '../../src/message/decode-task-call.ts'
import { encodeTaskCall } from '../../src/message/encode-task-call.ts'
import { createMessageCodec } from '../../src/message/message-codec.ts'
import type { SignatureDict } from '../../src/canvas/signature-dict.ts'
import { Decimal } from '../../src/serialization/tagged-values.ts'
import { aTaskCall, aTaskRoute, delivered } from './a-task-call.ts'

const codec = await createMessageCodec({ accept: ['json', 'msgpack', 'yaml'] })
const now = Date.parse('2026-11-21T12:00:00Z')
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
const textOf = (body: Uint8Array): string => new TextDecoder().decode(body)

const signature = (task: string, more: Partial<SignatureDict> = {}): SignatureDict => ({
  task,
  args: [],
  kwargs: {},
  options: {},
  subtask_type: null,
  immutable: false,
  ...more,
})

const received = (headers: JsonObject, body: unknown, more: Partial<Delivery> = {}): Delivery => ({
  ...delivered({ exchange: '', routingKey: 'celery', body: json(body) }),
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  headers,
  ...more,
})

test('a call is written as Celery writes it: every header, property and part of the body', () => {
  const call = aTaskCall({
    id: 'f0ab',
    rootId: 'f0ab',
    group: 'ebeb',
    groupIndex: 1,
    origin: 'gen29023@vm',
    replyTo: '94d5',
    chord: signature('tasks.tsum', { options: { task_id: '97be', reply_to: '94d5', group_id: 'ebeb' } }),
  })
  const { body, ...message } = encodeTaskCall(call, aTaskRoute(), codec, now)
  expect(message).toEqual({
    exchange: '',
    routingKey: 'celery',
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    persistent: true,
    priority: 0,
    correlationId: 'f0ab',
    replyTo: '94d5',
    headers: {
      lang: 'py',
      task: 'tasks.add',
      id: 'f0ab',
      shadow: null,
      eta: null,
      expires: null,
      group: 'ebeb',
      group_index: 1,
      retries: 0,
      timelimit: [null, null],
      root_id: 'f0ab',
      parent_id: null,
      argsrepr: '(2, 2)',
      kwargsrepr: '{}',
      origin: 'gen29023@vm',
      ignore_result: false,
      replaced_task_nesting: 0,
      stamped_headers: null,
      stamps: {},
    },
  })
  expect(JSON.parse(textOf(body))).toEqual([
    [2, 2],
    {},
    {
      callbacks: null,
      errbacks: null,
      chain: null,
      chord: {
        task: 'tasks.tsum',
        args: [],
        kwargs: {},
        options: { task_id: '97be', reply_to: '94d5', group_id: 'ebeb' },
        subtask_type: null,
        immutable: false,
      },
    },
  ])
})

const rich = aTaskCall({
  kwargs: { price: Decimal.parse('1.50')!, at: new Date(now), big: 2n ** 70n },
  rootId: 'root',
  parentId: 'parent',
  retries: 3,
  eta: '2026-11-21T12:00:10.123456+00:00',
  expires: '2026-11-21T12:01:00+00:00',
  timelimit: [30, 20.5],
  shadow: 'add two',
  argsrepr: '(…)',
  kwargsrepr: '{}',
  ignoreResult: true,
  replacedTaskNesting: 2,
  stampedHeaders: ['tenant'],
  stamps: { tenant: ['a'] },
  headers: { 'x-my': 1, tenant: ['a'] },
  replyTo: null,
  priority: 7,
  properties: { app_id: 'app', message_id: 'm', type: 't' },
  callbacks: [signature('tasks.log', { immutable: true })],
  errbacks: [signature('tasks.alarm', { kwargs: { to: 'us' } })],
  chain: [signature('celery.group', { subtask_type: 'group' })],
})

test.each(['json', 'gzip', 'brotli', 'zstd'])('everything of a call comes back (%s)', (how) => {
  const compression = how === 'json' ? null : how
  const message = encodeTaskCall(rich, aTaskRoute({ compression }), codec, now)
  expect(decodeTaskCall(delivered(message), codec)).toEqual(rich)
})

test.each(['msgpack', 'yaml'])('a call of plain values comes back through %s', (serializer) => {
  const call = { ...rich, kwargs: { a: [1, 'zwei', null] } }
  const message = encodeTaskCall(call, aTaskRoute({ serializer, compression: 'gzip' }), codec, now)
  expect(message.contentType).toBe(`application/x-${serializer}`)
  expect(decodeTaskCall(delivered(message), codec)).toEqual(call)
})

test('a call that expires lives as long at the broker; not when it has to wait to be due', () => {
  const encoded = (more: object) => encodeTaskCall(aTaskCall(more), aTaskRoute(), codec, now)
  expect(encoded({ expires: '2026-11-21T12:01:00+00:00' }).expirationMs).toBe(60_000)
  expect(encoded({ expires: '2026-11-21T11:00:00+00:00' }).expirationMs).toBe(0)
  expect(
    encoded({ expires: '2026-11-21T12:01:00+00:00', eta: '2026-11-21T12:00:30+00:00' }),
  ).not.toHaveProperty('expirationMs')
})

test('header values of types that headers do not know are written as text', () => {
  const headers = {
    at: new Date(now),
    n: 2n ** 70n,
    d: Decimal.parse('1.50')!,
    b: new TextEncoder().encode('b'),
    x: NaN,
  }
  expect(encodeTaskCall(aTaskCall({ headers }), aTaskRoute(), codec, now).headers).toMatchObject({
    at: '2026-11-21T12:00:00+00:00',
    n: String(2n ** 70n),
    d: '1.50',
    b: 'b',
    x: 'NaN',
  })
})

test('what the broker and kombu have added is no header of the user', () => {
  const headers = {
    task: 't',
    id: 'i',
    lang: 'py',
    mine: true,
    'x-death': [{ count: 1 }],
    'x-first-death-queue': 'q',
    'x-last-death-reason': 'expired',
  }
  expect(decodeTaskCall(received(headers, [[], {}, null]), codec).headers).toEqual({ mine: true })
})

test('the least that Celery accepts is read, with its defaults', () => {
  const call = decodeTaskCall(received({ task: 't', id: 'i' }, [[1], {}, {}]), codec)
  expect(call).toEqual(
    aTaskCall({
      id: 'i',
      task: 't',
      args: [1],
      rootId: 'i',
      origin: null,
      replyTo: null,
      argsrepr: null,
      kwargsrepr: null,
    }),
  )
})

test('times without a zone are UTC', () => {
  const headers = { task: 't', id: 'i', eta: '2026-11-21 12:00:00', expires: '2026-11-21T12:00:00.5+02:00' }
  const call = decodeTaskCall(received(headers, [[], {}, {}]), codec)
  expect(call.eta).toBe('2026-11-21T12:00:00+00:00')
  expect(call.expires).toBe('2026-11-21T12:00:00.5+02:00')
})

test('protocol 1 is read', () => {
  const body = {
    task: 'tasks.add',
    id: 'old',
    args: [2, 2],
    kwargs: { a: 1 },
    taskset: 'g',
    group: null,
    retries: 1,
    eta: '2026-11-21T12:00:00',
    expires: null,
    utc: true,
    callbacks: [{ task: 'tasks.log' }],
    errbacks: null,
    timelimit: [10, null],
    chord: null,
  }
  expect(decodeTaskCall(received({}, body, { replyTo: 'r', headers: { mine: 1 } }), codec)).toEqual(
    aTaskCall({
      id: 'old',
      rootId: 'old',
      kwargs: { a: 1 },
      group: 'g',
      retries: 1,
      eta: '2026-11-21T12:00:00+00:00',
      timelimit: [10, null],
      origin: null,
      argsrepr: null,
      kwargsrepr: null,
      headers: { mine: 1 },
      replyTo: 'r',
      callbacks: [signature('tasks.log')],
    }),
  )
})

test('in a hybrid of both protocols the headers have the last word', () => {
  const body = { task: 'old.name', id: 'i', args: [1], kwargs: {}, retries: 0 }
  expect(decodeTaskCall(received({ task: 'new.name', id: 'i', retries: 2 }, body), codec)).toMatchObject({
    task: 'new.name',
    retries: 2,
    args: [1],
  })
})

test('every problem of a malformed message is named', () => {
  const headers = { task: '', retries: -1, eta: 'soon', timelimit: [1] }
  const attempt = () => decodeTaskCall(received(headers, [{}, [], { chain: [{}] }]), codec)
  expect(attempt).toThrow(expect.objectContaining({ code: 'BROKER_MESSAGE_MALFORMED' }))
  try {
    attempt()
  } catch (error) {
    const { problems } = (error as { details: { problems: { path: string }[] } }).details
    expect(problems.map(({ path }) => path)).toEqual([
      'headers.task',
      'headers.id',
      'headers.retries',
      'headers.eta',
      'headers.timelimit',
      'body.0',
      'body.1',
      'body.2.chain.0.task',
    ])
  }
})

test.each([[null], ['text'], [5], [[]], [[[], {}]], [{ __type__: 'decimal', __value__: '1' }]])(
  'a body that is %j is no task',
  (body) => {
    expect(() => decodeTaskCall(received({ task: 't', id: 'i' }, body), codec)).toThrow(
      expect.objectContaining({ code: 'BROKER_MESSAGE_MALFORMED' }),
    )
  },
)
