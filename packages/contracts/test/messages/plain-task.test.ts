import {
  decodeResultMessage,
  decodeTaskCallback,
  encodeTaskMessage,
  isTaskCallback,
  maxReturnedCharacters,
  plainTaskMessage,
} from '@celeriac/contracts'
import type { Delivery, JsonValue } from '@celeriac/core'
import { expect, test } from 'vitest'

const nothing = (): void => {}

const delivered = (body: JsonValue, headers: Delivery['headers'] = {}): Delivery => ({
  exchange: '',
  routingKey: 'celeriac.events.3',
  queue: 'celeriac.events.3',
  redelivered: false,
  deliveryCount: 0,
  headers,
  body: new TextEncoder().encode(JSON.stringify(body)),
  ack: nothing,
  requeue: nothing,
  reject: nothing,
})

const sent = encodeTaskMessage(
  plainTaskMessage(
    {
      attemptId: 'attempt-1',
      runId: 'run-1',
      task: { name: 'tasks.add', args: [1, 2], kwargs: { base: 10 }, queue: 'sums' },
      softTimeLimitS: 60,
      timeLimitS: 65,
    },
    { replyTo: 'celeriac.events.3', answerExchange: 'celeriac.answers', origin: 'scheduler-1' },
  ),
  'sums',
)

test("a plain task is sent as Celery's own clients send one", () => {
  expect(sent).toMatchObject({
    exchange: '',
    routingKey: 'sums',
    correlationId: 'attempt-1',
    replyTo: 'celeriac.events.3',
    persistent: true,
    contentType: 'application/json',
    headers: {
      lang: 'py',
      task: 'tasks.add',
      id: 'attempt-1',
      root_id: 'run-1',
      parent_id: null,
      group: null,
      retries: 0,
      timelimit: [65, 60],
      ignore_result: false,
    },
  })
  const [args, kwargs] = JSON.parse(new TextDecoder().decode(sent.body)) as JsonValue[]
  expect([args, kwargs]).toEqual([[1, 2], { base: 10 }])
})

test('its callbacks lead to the event queue by an exchange, whatever serializer the worker has', () => {
  const [, , embed] = JSON.parse(new TextDecoder().decode(sent.body)) as JsonValue[]
  const callback = {
    args: [],
    kwargs: { task_id: 'attempt-1' },
    options: {
      exchange: 'celeriac.answers',
      routing_key: 'celeriac.events.3',
      serializer: 'json',
      ignore_result: true,
    },
    subtask_type: null,
    immutable: false,
  }
  expect(embed).toEqual({
    callbacks: [{ task: 'celeriac.task_succeeded', ...callback }],
    errbacks: [{ task: 'celeriac.task_failed', ...callback }],
    chain: null,
    chord: null,
  })
})

const isPlain = (id: string): boolean => id === 'attempt-1'
const eventOf = (status: string, result: JsonValue, more: object = {}) =>
  decodeResultMessage(delivered({ task_id: 'attempt-1', status, result, ...more } as JsonValue), isPlain)
    .event

test.each([[3], [null], ['text'], [[1, { a: null }]], [{ outputs: 'mine', deployment: { name: 'm' } }]])(
  'whatever it returns is its value: %j',
  (value) => {
    expect(eventOf('SUCCESS', value)).toEqual({
      status: 'SUCCESS',
      result: { outputs: {}, metrics: {}, compat: [], returned: { value, isCutOff: false } },
      worker: null,
      startedAt: null,
    })
  },
)

test('of a value that is larger than what is kept, the beginning of its JSON stays', () => {
  const fits = 'x'.repeat(maxReturnedCharacters - 2)
  expect(eventOf('SUCCESS', fits)).toMatchObject({
    result: { returned: { value: fits, isCutOff: false } },
  })
  expect(eventOf('SUCCESS', [`${fits}x`])).toMatchObject({
    result: { returned: { value: `["${'x'.repeat(1_022)}`, isCutOff: true } },
  })
})

test("a failure has the task's own exception; Celery's mean what they mean there, others nothing", () => {
  const failure = (exc_type: string, exc_message: JsonValue) =>
    eventOf('FAILURE', { exc_type, exc_message, exc_module: 'x' }, { traceback: 'Traceback …' })
  expect(failure('ValueError', ['bad', 1])).toEqual({
    status: 'FAILURE',
    failure: { code: 'TASK_FAILED', message: 'bad, 1', excType: 'ValueError', traceback: 'Traceback …' },
    retryable: true,
    worker: null,
    startedAt: null,
  })
  expect(failure('InvalidInput', ['mine'])).toMatchObject({
    failure: { code: 'TASK_FAILED' },
    retryable: true,
  })
  expect(failure('TimeLimitExceeded', [65])).toMatchObject({ failure: { code: 'TASK_TIMED_OUT' } })
  expect(failure('NotRegistered', ['tasks.add'])).toMatchObject({
    failure: { code: 'TASK_ALGORITHM_NOT_FOUND', message: 'tasks.add' },
    retryable: false,
  })
  expect(eventOf('REVOKED', { exc_type: 'TaskRevokedError', exc_message: ['terminated'] })).toEqual({
    status: 'REVOKED',
    reason: 'terminated',
  })
})

test('on its way it may say what it likes', () => {
  expect(eventOf('STARTED', { pid: 7, hostname: 'celery@host' })).toMatchObject({ worker: 'celery@host' })
  expect(eventOf('PROGRESS', { current: 1, total: 2 })).toMatchObject({ progress: { current: 1, total: 2 } })
  for (const [state, meta] of [
    ['PROGRESS', { percent: 30 }],
    ['UPLOADING', null],
    ['RETRY', { exc_type: 'Retry' }],
  ] as const)
    expect(eventOf(state, meta)).toEqual({ status: 'OTHER' })
})

test('callbacks tell of the end by its task, with the value in front', () => {
  const succeeded = delivered([[{ sum: 3 }], { task_id: 'attempt-1' }, { callbacks: null }], {
    task: 'celeriac.task_succeeded',
    parent_id: 'attempt-1',
  })
  expect(isTaskCallback(succeeded)).toBe(true)
  expect(decodeTaskCallback(succeeded)).toMatchObject({
    taskId: 'attempt-1',
    event: { status: 'SUCCESS', result: { returned: { value: { sum: 3 }, isCutOff: false } } },
  })
  const exception = { exc_type: 'ValueError', exc_message: ['bad', 1], exc_module: 'builtins' }
  const ours = delivered([['attempt-1'], { task_id: 'attempt-1', exception, traceback: 'at …' }, {}], {
    task: 'celeriac.task_failed',
  })
  expect(decodeTaskCallback(ours).event).toMatchObject({
    status: 'FAILURE',
    failure: { code: 'TASK_FAILED', excType: 'ValueError', message: 'bad, 1', traceback: 'at …' },
  })
  const failed = delivered([['attempt-1'], { task_id: 'attempt-1' }, {}], { task: 'celeriac.task_failed' })
  expect(decodeTaskCallback(failed)).toMatchObject({
    taskId: 'attempt-1',
    event: { status: 'FAILURE', failure: { code: 'TASK_FAILED' }, retryable: true },
  })
})

test('results and other tasks are no callbacks, and one without a task id is malformed', () => {
  expect(isTaskCallback(delivered({ task_id: 'attempt-1' }))).toBe(false)
  expect(isTaskCallback(delivered([[], {}, {}], { task: 'tasks.add' }))).toBe(false)
  expect(() => decodeTaskCallback(delivered([[1], {}, {}], { task: 'celeriac.task_succeeded' }))).toThrow(
    expect.objectContaining({ code: 'BROKER_MESSAGE_MALFORMED' }),
  )
})

test('a callback whose body cannot be read still tells what its headers say', () => {
  const compressed = (task: string) => ({
    ...delivered(null, { task, parent_id: 'attempt-1', compression: 'application/x-gzip' }),
    body: new Uint8Array([0x1f, 0x8b, 8]),
  })
  expect(decodeTaskCallback(compressed('celeriac.task_succeeded'))).toMatchObject({
    taskId: 'attempt-1',
    event: { status: 'SUCCESS', result: { returned: { value: null, isCutOff: true } } },
  })
  expect(decodeTaskCallback(compressed('celeriac.task_failed'))).toMatchObject({
    taskId: 'attempt-1',
    event: { status: 'FAILURE', failure: { code: 'TASK_FAILED' } },
  })
})

test('numbers that only Python has are read as null, and texts that look like them are left alone', () => {
  const text = String.raw`{"task_id": "attempt-1", "status": "SUCCESS", "result": [NaN, -Infinity, "NaN \" NaN", {"Infinity": Infinity}]}`
  const message = { ...delivered(null), body: new TextEncoder().encode(text) }
  expect(decodeResultMessage(message, isPlain).event).toMatchObject({
    result: { returned: { value: [null, null, 'NaN " NaN', { Infinity: null }] } },
  })
})
