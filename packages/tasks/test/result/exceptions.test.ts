import { AppError } from '@celeriac/core'
import {
  ChordError,
  encodeException,
  exceptionOf,
  MaxRetriesExceededError,
  NotRegistered,
  Reject,
  Retry,
  SoftTimeLimitExceeded,
  TaskError,
  TaskRevokedError,
  TimeLimitExceeded,
  toTaskError,
  tracebackOf,
  WorkerLostError,
} from '@celeriac/tasks'
import { expect, test } from 'vitest'

test.each([
  [new TaskRevokedError(['expired']), 'TaskRevokedError', 'celery.exceptions', ['expired']],
  [new TimeLimitExceeded([30]), 'TimeLimitExceeded', 'billiard.exceptions', [30]],
  [new SoftTimeLimitExceeded(), 'SoftTimeLimitExceeded', 'billiard.exceptions', []],
  [new WorkerLostError(['gone']), 'WorkerLostError', 'billiard.exceptions', ['gone']],
  [new ChordError(['Dependency x raised y']), 'ChordError', 'celery.exceptions', ['Dependency x raised y']],
  [new NotRegistered(['tasks.unknown']), 'NotRegistered', 'celery.exceptions', ['tasks.unknown']],
  [new MaxRetriesExceededError(['too often']), 'MaxRetriesExceededError', 'celery.exceptions', ['too often']],
  [new Reject('no', true), 'Reject', 'celery.exceptions', ['no', true]],
] as const)(
  '%s crosses as the class that Celery has, and comes back as ours',
  (error, type, module, args) => {
    const info = encodeException(error)
    expect(info).toEqual({ exc_type: type, exc_module: module, exc_message: args })
    const back = toTaskError(info, 'Traceback …')
    expect(back).toBeInstanceOf(error.constructor)
    expect(back).toMatchObject({ name: type, args, traceback: 'Traceback …', message: error.message })
  },
)

test('a class that nobody here knows keeps its names and arguments', () => {
  const info = { exc_type: 'Outer.Inner', exc_module: 'shop.errors', exc_message: ['out of stock', 3] }
  const error = toTaskError(info, null)
  expect(error).toBeInstanceOf(TaskError)
  expect(error).toMatchObject({
    excType: 'Outer.Inner',
    excModule: 'shop.errors',
    args: ['out of stock', 3],
    message: 'out of stock, 3',
  })
  expect(encodeException(error)).toEqual(info)
})

test("a name of Celery's in another module is another class", () => {
  const error = toTaskError({ exc_type: 'ChordError', exc_module: 'music', exc_message: [] }, null)
  expect(error).not.toBeInstanceOf(ChordError)
  expect(toTaskError({ exc_type: 'constructor', exc_module: null, exc_message: 'x' }, null).args).toEqual([
    'x',
  ])
})

test('errors of a program say how Python shall see them', () => {
  class OutOfStock extends TaskError {
    constructor(item: string) {
      super([item, 0], { excModule: 'shop.errors' })
    }
  }
  expect(encodeException(new OutOfStock('tea'))).toEqual({
    exc_type: 'OutOfStock',
    exc_module: 'shop.errors',
    exc_message: ['tea', 0],
  })
})

class QuotaError extends Error {
  override readonly name = 'QuotaError'
}

test.each([
  [new Error('plain'), 'Exception', 'builtins', 'plain'],
  [new TypeError('wrong'), 'TypeError', 'builtins', 'wrong'],
  [new RangeError('far'), 'RangeError', 'javascript', 'far'],
  [new QuotaError('full'), 'QuotaError', 'javascript', 'full'],
  [Object.assign(new Error('odd'), { name: 'os.system' }), 'Error', 'javascript', 'odd'],
  [new AppError('STORE_UNAVAILABLE', 'away'), 'STORE_UNAVAILABLE', 'celeriac.errors', 'away'],
  ['a text', 'Exception', 'builtins', 'a text'],
])('%s crosses as %s of %s', (thrown, type, module, message) => {
  expect(encodeException(thrown)).toEqual({ exc_type: type, exc_module: module, exc_message: [message] })
})

test('an argument that cannot be sent goes as the text that Python would show', () => {
  expect(encodeException(new TaskError([Number.NaN, 1])).exc_message).toEqual(['nan', 1])
})

test('the traceback is the stack with its causes, and a remote one is kept', () => {
  const cause = new Error('the cause')
  const traceback = tracebackOf(new Error('the failure', { cause }))
  expect(traceback).toMatch(
    /^Error: the failure\n[^]*exceptions\.test\.ts[^]*\nCaused by: Error: the cause\n/,
  )
  expect(tracebackOf(new TaskError([], { traceback: 'Traceback of Python' }))).toBe('Traceback of Python')
  expect(tracebackOf('text')).toBeNull()
})

test.each([
  [
    { exc_type: 'KeyError', exc_message: ['a'], exc_module: 'builtins' },
    { exc_type: 'KeyError', exc_message: ['a'], exc_module: 'builtins' },
  ],
  [
    { exc_type: 'KeyError', exc_message: 'a' },
    { exc_type: 'KeyError', exc_message: ['a'], exc_module: null },
  ],
  [{ exc_type: 'KeyError' }, { exc_type: 'KeyError', exc_message: [''], exc_module: null }],
  ['went wrong', { exc_type: 'FAILURE', exc_message: ['went wrong'], exc_module: null }],
  [null, { exc_type: 'FAILURE', exc_message: [null], exc_module: null }],
])('the error of a failed task is read from whatever a worker wrote: %j', (result, info) => {
  expect(exceptionOf({ status: 'FAILURE', result })).toEqual(info)
})

test('a retry carries when it is due', () => {
  expect(new Retry({ when: 5, message: 'later' })).toMatchObject({
    when: 5,
    message: 'later',
    excType: 'Retry',
  })
  expect(new Retry().when).toBeNull()
})
