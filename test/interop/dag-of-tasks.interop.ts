import { useTestRabbit, useTestRedis, type TestRedis } from '@celeriac/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { finalStates, type RunView } from '../support/api-client.ts'
import { Platform } from '../support/platform.ts'
import { StockCelery } from './stock-celery.ts'
import { tasksModule, type BackendKind } from './support/celeriac-worker.ts'

const slow = { timeout: 30_000 }

let platform: Platform
let redis: TestRedis
let prefix: string
/** Of the worker under test, whoever wrote it. */
let worker: { readonly output: string; stop(): Promise<unknown> } | null = null
/** What `worker` was started as. */
let startedAs = ''

/** A scheduler, and a worker for operators alone: plain tasks are left to the worker under test. */
beforeAll(async () => {
  redis = await useTestRedis()
  platform = await Platform.create('distributed')
  prefix = platform.topology.prefix
  Object.assign(platform.env, {
    TEST_AMQP_URL: platform.amqpUrl,
    TEST_REDIS_URL: redis.url,
    CELERIAC_TEST_PREFIX: prefix,
    CELERIAC_TEST_KEY_PREFIX: redis.keyPrefix,
  })
  await platform.start({ schedulers: 1, workers: 0 })
  await platform.startWorker(1, ['-Q', platform.topology.executorQueue('local')])
})
afterAll(async () => {
  await worker?.stop()
  const rabbit = await useTestRabbit()
  await platform?.destroy()
  const further = [`${prefix}later`]
  await rabbit.remove({ queues: further, exchanges: [...further, `reply.${prefix}celery.pidbox`] })
  await rabbit.close()
  await redis?.close()
})

/** One that is the same as the one before goes on: it takes seconds to start. */
async function startWorker(
  kind: string,
  backend: BackendKind,
  { queue = `${prefix}celery`, settings = [] as readonly string[] } = {},
): Promise<void> {
  const wanted = JSON.stringify([kind, backend, queue, settings])
  if (wanted === startedAs) return
  await worker?.stop()
  ;[worker, startedAs] = [null, '']
  const env = { ...platform.env, CELERIAC_TEST_BACKEND: backend === 'rpc' ? 'rpc://' : redis.url }
  if (kind === 'Python Celery') {
    worker = await StockCelery.start(['-Q', queue, '-c', '2', '-n', 'under-test@%h', '--', ...settings], env)
  } else {
    platform.env['CELERIAC_TEST_BACKEND'] = env.CELERIAC_TEST_BACKEND
    worker = await platform.startWorker(2, [
      '--import',
      tasksModule,
      '-Q',
      queue,
      '--name',
      'under-test@here',
    ])
  }
  startedAs = wanted
}

const submit = (name: string, operators: Record<string, object>, rels: object = {}): Promise<RunView> =>
  platform.api.submit(
    JSON.stringify({
      name,
      dag: {
        operator_list: Object.keys(operators),
        operator_rels: rels,
        operator_details: operators,
      },
    }),
  )

const ended = async (id: string): Promise<Record<string, RunView['operators'][number]>> => {
  const { operators } = await platform.api.waitFor(id, finalStates, 60_000)
  return Object.fromEntries(operators.map((operator) => [operator.id, operator]))
}

const before = (target: string) => [{ target }]

describe.each([
  ['a worker of ours', 'rpc'],
  ['a worker of ours', 'redis'],
  ['Python Celery', 'rpc'],
  ['Python Celery', 'redis'],
] as const)('%s with results in %s', (kind, backend) => {
  test('runs the tasks of a DAG beside its algorithms, in their order, and what they return comes back', async () => {
    await startWorker(kind, backend)
    const { id } = await submit(
      'beside',
      {
        first: { algo_name: 'algo_local_test_sleep', params: { seconds: 0.05 } },
        sum: { task: 'tasks.add', args: [2], kwargs: { y: 3 }, timeout: 60 },
        flaky: { task: 'tasks.flaky', kwargs: { failures: 2 } },
        last: { algo_name: 'algo_local_test_sleep', params: { seconds: 0.05 } },
      },
      { first: before('sum'), sum: before('flaky'), flaky: before('last') },
    )
    const { sum, flaky, last } = await ended(id)
    expect(sum, worker?.output).toMatchObject({
      task: 'tasks.add',
      algo_name: '',
      executor: 'celery',
      state: 'succeeded',
      attempt: 1,
      returned: { value: 5, is_cut_off: false },
    })
    // Celery's own retries are one attempt: the engine hears of the last one.
    expect(flaky).toMatchObject({ state: 'succeeded', attempt: 1, returned: { value: 2 } })
    expect(last).toMatchObject({ state: 'succeeded', task: null, returned: null })
  })

  test('a task that fails is tried again as the operator says, and what it raised is told as far as it is known', async () => {
    await startWorker(kind, backend)
    const { id } = await submit(
      'failing',
      {
        broken: {
          task: 'tasks.fail',
          kwargs: { text: 'on purpose' },
          retries: { max: 1, backoff: 0.05 },
        },
        never: { task: 'tasks.add', args: [1] },
        always: { task: 'tasks.add', args: [1], trigger_rule: 'all_done' },
      },
      { broken: [...before('never'), ...before('always')] },
    )
    const { broken, never, always } = await ended(id)
    expect(broken, worker?.output).toMatchObject({
      state: 'failed',
      attempt: 2,
      error:
        kind === 'a worker of ours' || backend === 'rpc'
          ? {
              code: 'TASK_FAILED',
              exc_type: 'ValueError',
              message: 'on purpose, 42',
              traceback: expect.stringContaining('Error'),
            }
          : { code: 'TASK_FAILED', message: expect.stringContaining('result backend') },
    })
    expect(never).toMatchObject({ state: 'upstream_failed', attempt: 0 })
    expect(always).toMatchObject({ state: 'succeeded', returned: { value: 1 } })
  })
})

test.each(['redis', 'rpc'] as const)(
  'a cancel ends a task that Python Celery runs, with results in %s',
  async (backend) => {
    await startWorker('Python Celery', backend)
    const { id } = await submit('cancelled', { nap: { task: 'tasks.nap', args: [600] } })
    // Its name alone is in the list of tasks that the worker prints when it starts.
    await expect.poll(() => worker?.output, slow).toMatch(/Task tasks\.nap\[.+\] received/)
    // A start is told by the results alone.
    const told = backend === 'rpc' ? { state: 'running', worker: expect.any(String) } : { state: 'queued' }
    await expect.poll(async () => (await platform.api.run(id)).operators[0], slow).toMatchObject(told)
    await platform.api.json('POST', `/api/v1/runs/${id}/cancel`)
    await platform.api.waitFor(id, ['cancelled'], 30_000)
    await expect.poll(() => worker?.output, slow).toMatch(/Terminating|Task .*revoked/i)
  },
)

test('a task that no worker knows fails for good, where its worker answers to results', async () => {
  await startWorker('Python Celery', 'rpc')
  const { id } = await submit('unknown', {
    odd: { task: 'tasks.nobody_knows', retries: { max: 3, backoff: 0.05 } },
  })
  expect(await ended(id)).toMatchObject({
    odd: { state: 'failed', attempt: 1, error: { code: 'TASK_ALGORITHM_NOT_FOUND' } },
  })
})

test('the timeout of the operator is the time limit of the task', async () => {
  await startWorker('Python Celery', 'rpc')
  const { id } = await submit('limited', { nap: { task: 'tasks.nap', args: [600], timeout: 1 } })
  expect(await ended(id)).toMatchObject({
    nap: { state: 'failed', error: { code: 'TASK_TIMED_OUT', exc_type: 'SoftTimeLimitExceeded' } },
  })
})

test('a queue that does not exist is made, as Celery itself would make it, and keeps the task for its worker', async () => {
  const { id } = await submit('later', {
    sum: { task: 'tasks.add', args: [20, 22], queue: `${prefix}later` },
  })
  await expect.poll(async () => (await platform.api.run(id)).operators[0]?.state, slow).toBe('queued')
  await startWorker('Python Celery', 'rpc', { queue: `${prefix}later` })
  expect(await ended(id)).toMatchObject({ sum: { state: 'succeeded', returned: { value: 42 } } })
})

test('a rerun sends what failed once more', async () => {
  const { id } = await submit('again', { broken: { task: 'tasks.fail', kwargs: { text: 'no' } } })
  await startWorker('a worker of ours', 'rpc')
  expect(await ended(id)).toMatchObject({ broken: { state: 'failed', attempt: 1 } })
  await platform.api.json('POST', `/api/v1/runs/${id}/rerun`, '{}')
  await expect
    .poll(async () => (await platform.api.run(id)).operators[0], slow)
    .toMatchObject({ state: 'failed', attempt: 2 })
})

test('a worker whose results are no JSON is heard by its callbacks', async () => {
  await startWorker('Python Celery', 'rpc', { settings: ['result.serializer=pickle'] })
  const { id } = await submit('pickled', {
    sum: { task: 'tasks.add', args: [1, 2] },
    broken: { task: 'tasks.fail', args: ['no'] },
  })
  expect(await ended(id)).toMatchObject({
    sum: { state: 'succeeded', returned: { value: 3 } },
    broken: { state: 'failed', error: { message: expect.stringContaining('result backend') } },
  })
})
