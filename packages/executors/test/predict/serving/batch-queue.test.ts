import { AppError } from '@celeriac/core'
import { expect, test } from 'vitest'
import {
  BatchQueue,
  type Batch,
  type BatchQueueOptions,
  type QueuedRequest,
  type ScoredRequest,
} from '../../../src/predict/serving/batch-queue.ts'

const died = new AppError('TASK_PROCESS_DIED', 'died')
const refused = new AppError('VALIDATION_ROW_INVALID', 'refused')

function setup(options: Partial<BatchQueueOptions> = {}) {
  const queue = new BatchQueue({ maxBatchRows: 4, maxQueuedRows: 10, ...options })
  const ends: Record<string, ScoredRequest | AppError> = {}
  /** A request of rows named after it: a0, a1, … */
  const aRequest = (name: string, rows = 1, deadlineAtMs = 1_000): QueuedRequest => ({
    rows: Array.from({ length: rows }, (_, index) => [`${name}${index}`]),
    deadlineAtMs,
    onScored: (answer) => (ends[name] = answer),
    onFailed: (error) => (ends[name] = error),
  })
  const add = (name: string, rows?: number, deadlineAtMs?: number, nowMs = 0): void =>
    queue.add([aRequest(name, rows, deadlineAtMs)], nowMs)
  const taken = (nowMs = 0): Batch => {
    const batch = queue.take(nowMs)
    if (batch === null || batch === 'wait') throw new Error(`no batch: ${batch}`)
    return batch
  }
  const namesOf = (batch: Batch): readonly unknown[] => batch.rows.map(([name]) => name)
  const answer = (batch: Batch, nowMs = 0): void =>
    queue.scored(
      batch,
      batch.rows.map(([name]) => ({ of: name ?? null })),
      nowMs,
    )
  return { queue, ends, aRequest, add, taken, namesOf, answer }
}

test('requests go together, in order, and each gets its own answers', () => {
  const { add, taken, namesOf, answer, ends, queue } = setup()
  add('a')
  add('b', 2)
  const batch = taken(5)
  expect(namesOf(batch)).toEqual(['a0', 'b0', 'b1'])
  expect(queue.rows).toBe(0)
  answer(batch, 7)
  expect(ends).toEqual({
    a: { predictions: [{ of: 'a0' }], sentAtMs: 5, computeMs: 2, batchRows: 3 },
    b: { predictions: [{ of: 'b0' }, { of: 'b1' }], sentAtMs: 5, computeMs: 2, batchRows: 3 },
  })
})

test('a batch holds as many requests as fit, one at least', () => {
  const { add, taken, namesOf } = setup()
  for (const name of ['a', 'b', 'c']) add(name, 2)
  add('d', 4)
  expect(namesOf(taken())).toEqual(['a0', 'a1', 'b0', 'b1'])
  expect(namesOf(taken())).toEqual(['c0', 'c1'])
  expect(namesOf(taken())).toEqual(['d0', 'd1', 'd2', 'd3'])
})

test('wide rows make smaller batches, so that they fit into a frame', () => {
  const { add, taken, namesOf } = setup({ maxBatchCells: 3 })
  for (const name of ['a', 'b']) add(name, 2)
  add('c', 4)
  expect(namesOf(taken())).toEqual(['a0', 'a1'])
  expect(namesOf(taken())).toEqual(['b0', 'b1'])
  expect(namesOf(taken())).toEqual(['c0', 'c1', 'c2', 'c3'])
})

test('a request that finds too many rows waiting is refused whole; an empty queue takes any', () => {
  const { add, queue } = setup()
  add('large', 50)
  expect(() => add('one')).toThrow(expect.objectContaining({ code: 'PREDICT_SHED' }))
  expect(queue.rows).toBe(50)
})

test('a request whose deadline passed is not scored', () => {
  const { add, taken, namesOf, ends } = setup()
  add('late', 1, 9)
  add('b')
  expect(namesOf(taken(9))).toEqual(['b0'])
  expect(ends['late']).toMatchObject({ code: 'PREDICT_DEADLINE' })
})

test('what cannot make it in a batch is shed, and those behind it are scored', () => {
  const { queue, add, taken, namesOf, ends } = setup()
  for (const rows of [1, 2, 3]) queue.costs.record({ rows, elapsedMs: rows * 10, waitMs: 0 }, 0)
  add('hurried', 1, 15)
  add('b')
  expect(namesOf(taken())).toEqual(['b0'])
  expect(ends['hurried']).toMatchObject({ code: 'PREDICT_SHED' })
})

test('a withdrawn request is gone', () => {
  const { queue, aRequest } = setup()
  const request = aRequest('a', 3)
  queue.add([request], 0)
  queue.withdraw(request)
  queue.withdraw(request)
  expect(queue.take(0)).toBe(null)
  expect(queue.rows).toBe(0)
})

test('a refused batch is taken apart: each request is scored by itself once', () => {
  const { queue, add, taken, namesOf, answer, ends } = setup()
  for (const name of ['a', 'bad', 'c']) add(name)
  expect(queue.refused(taken(), refused)).toBe(3)
  add('d')
  const first = taken()
  expect(namesOf(first)).toEqual(['a0'])
  answer(first)
  const second = taken()
  expect(namesOf(second)).toEqual(['bad0'])
  expect(queue.refused(second, refused)).toBe(0)
  const third = taken()
  expect(namesOf(third)).toEqual(['c0'])
  answer(third)
  expect(namesOf(taken())).toEqual(['d0'])
  expect(ends).toMatchObject({ a: { predictions: [{ of: 'a0' }] }, bad: refused, c: { batchRows: 1 } })
})

test('requests to be scored alone do not ride along with others', () => {
  const { queue, add, taken, namesOf } = setup()
  add('a')
  const batch = taken()
  add('b')
  expect(queue.died(batch, died)).toBe(1)
  expect(namesOf(taken())).toEqual(['a0'])
  expect(namesOf(taken())).toEqual(['b0'])
})

test('a request outlives one process, not two', () => {
  const { queue, add, taken, ends } = setup()
  add('a')
  add('b')
  expect(queue.died(taken(), died)).toBe(2)
  expect(ends).toEqual({})
  expect(queue.died(taken(), died)).toBe(0)
  expect(ends).toEqual({ a: died })
  expect(queue.rows).toBe(1)
})

test('what waits for a process teaches to wait; what waits for a load, or was kept waiting, does not', () => {
  const { queue, add, taken, answer } = setup()
  add('a', 1, 1_000, 0)
  queue.served(80)
  answer(taken(80), 81)
  expect(queue.costs.meanWaitMs).toBe(0)
  add('b', 1, 1_000, 82)
  const waited = taken(102)
  expect(waited.waitMs).toBe(20)
  answer(waited, 103)
  expect(queue.costs.meanWaitMs).toBe(10)
  add('c', 1, 1_000, 104)
  expect(queue.take(104)).toBe('wait')
  const patient = taken(120)
  expect(patient.waitMs).toBe(0)
})

test('a batch that must not wait is sent as it is', () => {
  const { queue, add } = setup()
  queue.costs.record({ rows: 1, elapsedMs: 1, waitMs: 100 }, 0)
  add('a')
  expect(queue.take(0)).toBe('wait')
  expect(queue.take(0, false)).toMatchObject({ rows: [['a0']] })
})
