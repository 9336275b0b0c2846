import { buildTopology } from '@celeriac/broker'
import { expect, test } from 'vitest'
import { queuesToServe } from '../src/worker-queues.ts'

const topology = buildTopology({ prefix: 'p.', executors: ['slow'] })
const executor = { slow: './slow.js' }
const serve = (queues: string[] | null, modules: string[] = []) =>
  queuesToServe({ queues, executor, import: modules }, topology)

test('without modules of tasks a worker serves local, predict and its own executors, unless it is told which', () => {
  expect(serve(null)).toEqual({ executors: ['local', 'predict', 'slow'], plain: [] })
  expect(serve(['slow'])).toEqual({ executors: ['slow'], plain: [] })
})

test('with modules of tasks it serves the default queue of Celery and its own executors, and no Python', () => {
  expect(serve(null, ['./tasks.js'])).toEqual({ executors: ['slow'], plain: ['p.celery'] })
})

test('executors are named by name or queue, everything else is a queue of plain tasks', () => {
  expect(serve(['p.celery', 'p.celeriac.local', 'predict', 'mail', 'mail'], ['./tasks.js'])).toEqual({
    executors: ['local', 'predict'],
    plain: ['p.celery', 'mail'],
  })
})

test('without modules an unknown name is an executor that the worker does not have', () => {
  expect(serve(['celery'])).toEqual({ executors: ['celery'], plain: [] })
})

test('no queue at all is a fault of the configuration', () => {
  expect(() => serve([])).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      details: { problems: [expect.objectContaining({ message: 'at least one queue is needed' })] },
    }),
  )
})
