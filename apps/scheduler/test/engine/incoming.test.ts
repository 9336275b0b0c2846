import { encodeEngineMessage, encodeOutcome, encodeProgress, encodeStarted } from '@celeriac/contracts'
import { partitionOf, type Delivery, type OutgoingMessage } from '@celeriac/core'
import { expect, test } from 'vitest'
import { readIncoming } from '../../src/engine/incoming.ts'

const place = { runId: 'run-1', ordinal: 3, attempt: 2, isPlainTask: false }
const find = (id: string) => (id === 'task-1' ? place : undefined)
const runner = { worker: 'w1', startedAt: 5 }

const nothing = (): void => {}

const delivered = (message: OutgoingMessage): Delivery => ({
  ...message,
  queue: message.routingKey,
  redelivered: false,
  deliveryCount: 0,
  ack: nothing,
  requeue: nothing,
  reject: nothing,
})

test('results of an attempt in flight become events of its operator task', () => {
  const read = (message: OutgoingMessage) => readIncoming(delivered(message), 0, find)
  expect(read(encodeStarted('task-1', 'q', runner))).toEqual({
    kind: 'attempt',
    place,
    event: { type: 'started', ordinal: 3, attempt: 2, worker: 'w1', startedAt: 5, isLeased: false },
  })
  expect(read(encodeProgress('task-1', 'q', runner, { current: 1, total: 2, message: 'm' }))).toMatchObject({
    event: { type: 'progressed', progress: { current: 1, total: 2, message: 'm' } },
  })
  const result = {
    outputs: { '0': { type: 'Table', uri: 'file:///x', rows: 3 } },
    metrics: { auc: 0.5 },
    compat: [],
  } as const
  expect(read(encodeOutcome('task-1', 'q', runner, { status: 'succeeded', result }))).toMatchObject({
    event: { type: 'succeeded', result, worker: 'w1', startedAt: 5 },
  })
  const failure = {
    code: 'TASK_OUT_OF_MEMORY',
    message: 'too big',
    excType: 'MemoryError',
    traceback: 'tb',
  } as const
  expect(
    read(encodeOutcome('task-1', 'q', runner, { status: 'failed', failure, retryable: true })),
  ).toMatchObject({
    event: { type: 'failed', failure, retryable: true },
  })
  expect(
    read(encodeOutcome('task-1', 'q', runner, { status: 'revoked', reason: 'terminated' })),
  ).toMatchObject({
    event: { type: 'revoked', reason: 'terminated' },
  })
})

test('a result of an attempt that is not in flight is stale', () => {
  expect(readIncoming(delivered(encodeStarted('other', 'q', runner)), 0, find)).toEqual({
    kind: 'stale',
    startedAttemptId: 'other',
  })
  const end = encodeOutcome('other', 'q', runner, { status: 'revoked', reason: '' })
  expect(readIncoming(delivered(end), 0, find)).toEqual({ kind: 'stale' })
})

test("a stock Celery worker's results are understood", () => {
  const meta = (status: string, result: unknown, traceback: string | null = null) =>
    readIncoming(
      delivered({
        exchange: '',
        routingKey: 'q',
        correlationId: 'task-1',
        contentType: 'application/json',
        body: new TextEncoder().encode(
          JSON.stringify({ task_id: 'task-1', status, result, traceback, children: [] }),
        ),
      }),
      0,
      find,
    )
  expect(meta('STARTED', { pid: 7, hostname: 'celery@host' })).toMatchObject({
    event: { type: 'started', worker: 'celery@host' },
  })
  expect(meta('SUCCESS', { outputs: {} })).toMatchObject({
    event: { type: 'succeeded', result: { outputs: {}, metrics: {}, compat: [] } },
  })
  expect(
    meta('FAILURE', { exc_type: 'ValueError', exc_message: ['bad', 1], exc_module: 'builtins' }, 'Traceback'),
  ).toMatchObject({
    event: {
      type: 'failed',
      retryable: true,
      failure: { code: 'TASK_FAILED', message: 'bad, 1', excType: 'ValueError', traceback: 'Traceback' },
    },
  })
  expect(
    meta('FAILURE', {
      exc_type: 'WorkerLostError',
      exc_message: ['lost'],
      exc_module: 'billiard.exceptions',
    }),
  ).toMatchObject({
    event: { failure: { code: 'TASK_WORKER_LOST' } },
  })
  expect(meta('RETRY', { exc_type: 'Retry', exc_message: [] })).toEqual({ kind: 'stale' })
})

test('a success whose result is no operator result fails the attempt for good', () => {
  const body = new TextEncoder().encode(JSON.stringify({ task_id: 'task-1', status: 'SUCCESS', result: 42 }))
  expect(readIncoming(delivered({ exchange: '', routingKey: 'q', body }), 0, find)).toMatchObject({
    event: { type: 'failed', retryable: false, failure: { code: 'TASK_MALFORMED_RESULT' } },
  })
})

test.each([
  ['no JSON', 'not json'],
  ['no task id', '{"status":"SUCCESS","result":null}'],
  ['an unknown status', '{"task_id":"task-1","status":"DONE","result":null}'],
  ['no object', '[]'],
])('a message with %s is malformed', (_, text) => {
  const message = delivered({ exchange: '', routingKey: 'q', body: new TextEncoder().encode(text) })
  expect(() => readIncoming(message, 0, find)).toThrow(
    expect.objectContaining({ code: 'BROKER_MESSAGE_MALFORMED' }),
  )
})

test.each([
  ['cut JSON', '{"task_id":"task-1","status":"SUCCESS","result":{"outp', true],
  ['binary', '\u0000\u0001', true],
  ['a failure of another shape', '{"task_id":7,"status":"FAILURE","result":null}', true],
  ['progress of another shape', '{"task_id":"task-1","status":"PROGRESS","result":{"pct":3}}', false],
  ['progress that speaks of a success', '{"result":{"status":"SUCCESS"},"status":"PROGRESS"}', false],
  ['a state of its own', '{"task_id":"task-1","status":"DOWNLOADING","result":null}', false],
])('%s about an attempt in flight: it ends as failed only if it was its end', (_, text, isEnd) => {
  const body = new TextEncoder().encode(text)
  const message = delivered({ exchange: '', routingKey: 'q', correlationId: 'task-1', body })
  if (!isEnd) expect(() => readIncoming(message, 0, find)).toThrow()
  else
    expect(readIncoming(message, 0, find)).toMatchObject({
      kind: 'attempt',
      place,
      event: { type: 'failed', retryable: false, failure: { code: 'TASK_MALFORMED_RESULT' } },
      unreadable: { code: 'BROKER_MESSAGE_MALFORMED' },
    })
})

test('engine messages name their run; one of another partition is malformed', () => {
  const runId = '0193a1b2-0000-7000-8000-000000000001'
  const partition = partitionOf(runId)
  const message = delivered(encodeEngineMessage({ event: 'run.cancel', run_id: runId }, 'q'))
  expect(readIncoming(message, partition, find)).toMatchObject({ kind: 'run', runId })
  expect(() => readIncoming(message, (partition + 1) % 8, find)).toThrow(/another partition/)
  const probe = delivered(
    encodeEngineMessage({ event: 'partition.probe', partition: 1, sender: 's' }, 'q', 1_000),
  )
  expect(readIncoming(probe, 1, find)).toEqual({ kind: 'probe' })
})

test('a plain task in flight ends by its result or by its callback, and an operator never by a callback', () => {
  const plain = { ...place, isPlainTask: true }
  const inFlight = (id: string) => (id === 'task-1' ? plain : id === 'operator-1' ? place : undefined)
  const read = (body: object, headers: Delivery['headers'] = {}) => {
    const bytes = new TextEncoder().encode(JSON.stringify(body))
    return readIncoming(delivered({ exchange: '', routingKey: 'q', headers, body: bytes }), 0, inFlight)
  }
  const callback = (id: string, name = 'celeriac.task_succeeded') =>
    read([[42], { task_id: id }, {}], { task: name, parent_id: id })
  const ended = { type: 'succeeded', ordinal: 3, attempt: 2, result: { returned: { value: 42 } } }
  expect(read({ task_id: 'task-1', status: 'SUCCESS', result: 42 })).toMatchObject({ event: ended })
  expect(callback('task-1')).toMatchObject({ kind: 'attempt', place: plain, event: ended })
  expect(callback('task-1', 'celeriac.task_failed')).toMatchObject({
    event: { type: 'failed', retryable: true },
  })
  expect(callback('operator-1')).toEqual({ kind: 'stale' })
  expect(callback('over')).toEqual({ kind: 'stale' })
  expect(read({ task_id: 'task-1', status: 'UPLOADING', result: null })).toEqual({ kind: 'stale' })
})

test('what a plain task answers in another serializer than JSON is left to its callback', () => {
  const inFlight = (id: string) =>
    id === 'task-1' ? { ...place, isPlainTask: true } : id === 'operator-1' ? place : undefined
  const pickled = (correlationId: string) =>
    readIncoming(
      delivered({
        exchange: '',
        routingKey: 'q',
        correlationId,
        contentType: 'application/x-python-serialize',
        body: new Uint8Array([0x80, 4, 0x95]),
      }),
      0,
      inFlight,
    )
  expect(pickled('task-1')).toEqual({ kind: 'stale' })
  expect(pickled('over')).toEqual({ kind: 'stale' })
  expect(pickled('operator-1')).toMatchObject({ event: { type: 'failed', retryable: false } })
})
