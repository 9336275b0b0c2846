/** Metrics, readiness and logs of real services, while their broker and their database come and go. */
import { deviations, parseExposition, TcpProxy, valueOf, type MetricFamily } from '@celeriac/testkit'
import { schedulerMetrics } from '@celeriac/scheduler'
import { workerMetrics } from '@celeriac/worker'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Platform } from '../support/platform.ts'
import type { PlatformProcess } from '../support/processes.ts'
import { until } from '../support/until.ts'

const databasePassword = 'geheim-in-the-url'
/** A parameter of an operator, so part of its message and of its error: neither belongs into a log. */
const payload = 'payload-of-the-operator'

const document = JSON.stringify({
  name: 'observed',
  dag: {
    operator_list: ['read', 'flaky', 'broken'],
    operator_rels: { read: [{ target: 'flaky', source_index: 0, target_index: 0 }] },
    operator_details: {
      read: { algo_name: 'algo_local_pass_through', params: {} },
      flaky: {
        algo_name: 'algo_local_test_fail',
        params: { fail_attempts: 1, message: payload },
        retries: { max: 1, backoff: '10ms' },
      },
      broken: { algo_name: 'algo_local_test_fail', params: { message: payload } },
    },
  },
})

async function scrape(url: string): Promise<readonly MetricFamily[]> {
  const response = await fetch(`${url}/metrics`)
  expect(response.status).toBe(200)
  return parseExposition(await response.text())
}

interface ReadinessAnswer {
  readonly status: number
  readonly checks: Readonly<Record<string, string>>
}

async function readiness(url: string): Promise<ReadinessAnswer> {
  const response = await fetch(`${url}/readyz`)
  const { checks } = (await response.json()) as { checks: Record<string, string> }
  return { status: response.status, checks }
}

const untilReadiness = (url: string, expected: object): Promise<void> =>
  expect.poll(() => readiness(url), { timeout: 40_000, interval: 100 }).toMatchObject(expected)

describe('distributed', () => {
  let platform: Platform
  let worker: PlatformProcess
  let urls: { scheduler: string; worker: string }
  let broker: TcpProxy
  let database: TcpProxy
  let runId: string

  beforeAll(async () => {
    platform = await Platform.create('distributed')
    const amqp = await TcpProxy.before(platform.amqpUrl)
    const secretUrl = new URL(platform.databaseUrl)
    secretUrl.password = databasePassword
    const postgres = await TcpProxy.before(secretUrl.href)
    broker = amqp.proxy
    database = postgres.proxy
    Object.assign(platform.env, {
      CELERIAC_AMQP_URL: amqp.url,
      CELERIAC_DATABASE_URL: postgres.url,
      CELERIAC_LOG_LEVEL: 'debug',
    })
    await platform.startScheduler()
    worker = await platform.startWorker(2)
    urls = {
      scheduler: platform.schedulers[0]!.url,
      // It is ready before it says where its metrics are.
      worker: await until(() => /metrics at (\S+)\/metrics/.exec(worker.output)![1]!),
    }
    runId = (await platform.api.submit(document)).id
    await platform.api.waitFor(runId, ['failed'], 60_000)
  })
  afterAll(async () => {
    await platform?.destroy()
    await broker?.close()
    await database?.close()
  })

  test('each service exposes exactly the metrics that it declares, with the labels that it declares', async () => {
    expect(deviations(await scrape(urls.scheduler), schedulerMetrics)).toEqual([])
    expect(deviations(await scrape(urls.worker), workerMetrics)).toEqual([])
  })

  test('a run leaves its marks in the metrics of the scheduler', async () => {
    const families = await scrape(urls.scheduler)
    const algorithm = 'algo_local_test_fail'
    expect({
      published: valueOf(families, 'tasks_published_total', { executor: 'local' }),
      succeeded: valueOf(families, 'tasks_finished_total', { outcome: 'succeeded' }),
      failed: valueOf(families, 'tasks_finished_total', { outcome: 'failed' }),
      retried: valueOf(families, 'task_retries_total', { reason: 'TASK_FAILED' }),
      waited: valueOf(families, 'task_queue_wait_seconds_count', { executor: 'local' }),
      ran: valueOf(families, 'task_run_duration_seconds_count', { executor: 'local', algorithm }),
      runs: valueOf(families, 'dag_runs_finished_total', { outcome: 'failed' }),
      runTimes: valueOf(families, 'dag_run_duration_seconds_count', { outcome: 'failed' }),
      leaderOf: families.find(({ name }) => name.endsWith('is_leader'))!.samples.map(({ value }) => value),
      pending: valueOf(families, 'outbox_pending'),
      lag: valueOf(families, 'scheduler_lag_seconds'),
      open: valueOf(families, 'dag_runs', { state: 'running' }),
    }).toEqual({
      published: 4,
      succeeded: 2,
      failed: 1,
      retried: 1,
      waited: 4,
      ran: 3,
      runs: 1,
      runTimes: 1,
      leaderOf: [1, 1, 1, 1, 1, 1, 1, 1],
      pending: 0,
      lag: 0,
      open: 0,
    })
    const commits = { operation: 'commitBatch', outcome: 'ok' }
    expect(valueOf(families, 'store_operation_duration_seconds_count', commits)).toBeGreaterThan(0)
    expect(valueOf(families, 'http_request_duration_seconds_count', { route: '/api/v1/runs' })).toBe(1)
  })

  test('the worker tells its attempts and the scheduler its slots', async () => {
    const families = await scrape(urls.worker)
    const outcomes = ['succeeded', 'failed'].map((outcome) =>
      valueOf(families, 'attempts_finished_total', { executor: 'local', outcome }),
    )
    expect(outcomes).toEqual([2, 2])
    // A slot is free when its attempt is acked: the engine may hear of its end a moment before.
    await expect
      .poll(async () =>
        valueOf(await scrape(urls.worker), 'worker_slots', { executor: 'local', state: 'free' }),
      )
      .toBe(2)
    await expect
      .poll(
        async () => {
          const seen = await scrape(urls.scheduler)
          const free = valueOf(seen, 'fleet_slots', { executor: 'local', state: 'free' })
          return [valueOf(seen, 'workers', { state: 'alive' }), free]
        },
        { timeout: 20_000 },
      )
      .toEqual([1, 2])
  })

  test('without the broker both services are not ready, and say so in their metrics; with it again they are', async () => {
    broker.refuse()
    broker.cut()
    await untilReadiness(urls.scheduler, { status: 503, checks: { broker: 'connecting', database: 'ok' } })
    await untilReadiness(urls.worker, { status: 503, checks: { broker: 'connecting', executor: 'ok' } })
    for (const url of [urls.scheduler, urls.worker]) {
      const families = await scrape(url)
      expect(valueOf(families, 'broker_state', { state: 'connecting' })).toBe(1)
      expect(valueOf(families, 'broker_state', { state: 'open' })).toBe(0)
      expect(valueOf(families, 'broker_reconnects_total')).toBe(0)
    }
    expect(valueOf(await scrape(urls.scheduler), 'workers', { state: 'alive' })).toBeUndefined()
    broker.admit()
    for (const url of [urls.scheduler, urls.worker]) {
      await untilReadiness(url, { status: 200, checks: { broker: 'ok' } })
      const families = await scrape(url)
      expect(valueOf(families, 'broker_state', { state: 'open' })).toBe(1)
      expect(valueOf(families, 'broker_reconnects_total')).toBe(1)
    }
  })

  test('without the database the scheduler is not ready and counts errors; the worker does not mind', async () => {
    const errors = async (): Promise<number> => {
      const { samples } = (await scrape(urls.scheduler)).find(({ name }) =>
        name.endsWith('store_operation_duration_seconds'),
      )!
      return samples
        .filter(({ name, labels }) => name.endsWith('_count') && labels['outcome'] === 'error')
        .reduce((sum, { value }) => sum + value, 0)
    }
    const before = await errors()
    database.refuse()
    database.cut()
    await untilReadiness(urls.scheduler, { status: 503, checks: { broker: 'ok' } })
    expect((await readiness(urls.scheduler)).checks['database']).not.toBe('ok')
    expect((await readiness(urls.worker)).status).toBe(200)
    await expect.poll(errors, { timeout: 20_000 }).toBeGreaterThan(before)
    database.admit()
    await untilReadiness(urls.scheduler, { status: 200, checks: { database: 'ok' } })
  })

  test('a database that hangs holds up neither the readiness nor the metrics', async () => {
    database.pause()
    await untilReadiness(urls.scheduler, { status: 503, checks: { database: 'no answer within 1000 ms' } })
    const families = await scrape(urls.scheduler)
    expect(valueOf(families, 'broker_state', { state: 'open' })).toBe(1)
    database.resume()
    await untilReadiness(urls.scheduler, { status: 200, checks: { database: 'ok' } })
  })

  test('every line of the log about an operator names run, operator and attempt, and none holds a secret', async () => {
    const output = [...platform.schedulers.map(({ process: each }) => each), worker].map(
      (each) => each.output,
    )
    const records = output
      .flatMap((text) => text.split('\n'))
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const about = (service: string, msg: string) =>
      records
        .filter(
          (record) => record['service'] === service && record['msg'] === msg && record['run_id'] === runId,
        )
        .map(({ operator_id: operator, attempt, code }) => ({ operator, attempt, code }))
    const code = 'TASK_FAILED'
    expect(about('scheduler', 'attempt failed; it will be tried again')).toEqual([
      { operator: 'flaky', attempt: 1, code },
    ])
    expect(about('scheduler', 'operator failed')).toEqual([{ operator: 'broken', attempt: 1, code }])
    expect(about('worker', 'attempt failed')).toHaveLength(2)
    expect(about('worker', 'attempt ended')).toEqual(
      expect.arrayContaining([
        { operator: 'read', attempt: 1 },
        { operator: 'flaky', attempt: 2 },
      ]),
    )
    const onOperators = records.filter((record) => 'operator_id' in record)
    expect(onOperators.length).toBeGreaterThan(6)
    for (const record of onOperators)
      expect(record).toMatchObject({
        component: expect.any(String),
        run_id: expect.any(String),
        operator_id: expect.any(String),
        attempt: expect.any(Number),
      })
    const whole = output.join('')
    for (const secret of [databasePassword, ':guest@', 'test-token', payload])
      expect(whole).not.toContain(secret)
    expect(whole).toContain(':***@')
  })
})

test('a standalone platform exposes what both services declare', async () => {
  const platform = await Platform.create('embedded')
  try {
    await platform.start()
    const { id } = await platform.api.submit(document)
    await platform.api.waitFor(id, ['failed'], 60_000)
    const families = await scrape(platform.api.url)
    expect(deviations(families, [...schedulerMetrics, ...workerMetrics])).toEqual([])
    expect(valueOf(families, 'broker_state', { state: 'open' })).toBe(2)
    expect(valueOf(families, 'build_info', { service: 'worker' })).toBe(1)
  } finally {
    await platform.destroy()
  }
})
