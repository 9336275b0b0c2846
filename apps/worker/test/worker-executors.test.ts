import { buildTopology } from '@celeriac/broker'
import { createLocalExecutor, defaultLogLimits } from '@celeriac/executors'
import { silentLogger } from '@celeriac/runtime'
import { expect, test } from 'vitest'
import { executorsByQueue, ownExecutorsOf } from '../src/worker-executors.ts'

const python = { command: 'python3', env: {} }
const local = createLocalExecutor({ python, poolSize: 1, logger: silentLogger() })
const modules = { slow: 'examples/own-executor/command-executor.js' }

const byQueue = (names: readonly string[]) =>
  executorsByQueue(names, {
    topology: buildTopology({ executors: ['slow'] }),
    local,
    modules,
    context: { concurrency: 1, logger: silentLogger(), python },
    logs: defaultLogLimits,
  })

test('an own executor gets the queue of its name, and only when its queue is served', async () => {
  const all = await byQueue(['local', 'predict', 'slow'])
  expect([...all.keys()]).toEqual(['celeriac.local', 'celeriac.slow'])
  expect(all.get('celeriac.local')?.name).toBe('local')
  expect(all.get('celeriac.slow')?.name).toBe('slow')
  expect([...(await byQueue(['local'])).keys()]).toEqual(['celeriac.local'])
})

test('a queue that the worker has no executor for is a fault of the configuration', async () => {
  await expect(byQueue(['local', 'gpu', 'dc'])).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    details: {
      problems: [
        {
          setting: 'queues',
          message: "there is no executor 'gpu' in this worker; known: local, predict, slow",
        },
        { setting: 'queues', message: expect.stringContaining("'dc'") },
      ],
    },
  })
})

test('the own executors are those that are listed and those with a module', () => {
  expect(ownExecutorsOf({ executors: [], executor: {} })).toEqual([])
  expect(ownExecutorsOf({ executors: [], executor: modules })).toEqual(['slow'])
  expect(ownExecutorsOf({ executors: ['gpu', 'slow'], executor: modules })).toEqual(['gpu', 'slow'])
})

test('a module for an executor that the installation does not list is a fault, with what was probably meant', () => {
  expect(() => ownExecutorsOf({ executors: ['gpu', 'slwo'], executor: modules })).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      details: {
        problems: [
          {
            setting: 'executor',
            source: '--executor',
            message:
              'slow is not in CELERIAC_EXECUTORS, which must be the same for all services; did you mean slwo?',
          },
        ],
      },
    }),
  )
})
