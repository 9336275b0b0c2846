/** What Prometheus and the dashboard see of a platform at work: configuration, rules and queries of deploy/, for real. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { useTestRedis, type TestRedis } from '@celeriac/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
// @ts-expect-error a plain script
import { ensurePrometheus } from '../../scripts/prometheus.mjs'
import { dashboardPanels } from '../deploy/dashboard-panels.ts'
import { PrometheusServer } from '../deploy/prometheus-server.ts'
import { readRules } from '../deploy/rule-files.ts'
import { finalStates } from '../support/api-client.ts'
import { Platform } from '../support/platform.ts'
import { root, type PlatformProcess } from '../support/processes.ts'
import { until } from '../support/until.ts'

const commands = ensurePrometheus() as { promtool: string; prometheus: string }

const rows = Array.from({ length: 40 }, (_, index) => `${index},${index % 7},${index < 20 ? 'no' : 'yes'}`)
const table = ['a,b,y', ...rows].join('\n')

/** Enough scores for a PSI: fewer than 50 for each of ten bins say nothing. */
const manyRows = JSON.stringify({
  rows: Array.from({ length: 600 }, (_, index) => ({ a: index % 40, b: 1 })),
})

const modelDocument = `
name: model
dag:
  operator_list: [read, fit, deploy]
  operator_rels:
    read: [{ target: fit, source_index: 0, target_index: 0 }]
    fit: [{ target: deploy, source_index: 0, target_index: 0 }]
  operator_details:
    read: { algo_name: algo_local_read_file, params: { data_id: 1 } }
    fit: { algo_name: algo_local_model_2c_l, params: { y_col: y, pre_value: 'yes' } }
    deploy: { algo_name: algo_local_model_deploy, params: { name: m } }
`
/** Successes, a failure and a retry. */
const mixedDocument = `
name: mixed
dag:
  operator_list: [nap, flaky, broken, after]
  operator_rels:
    nap: [{ target: after, source_index: 0, target_index: 0 }]
  operator_details:
    nap: { algo_name: algo_local_test_sleep, params: { seconds: 0.2 } }
    flaky:
      algo_name: algo_local_test_fail
      retries: { max: 1, backoff: 10ms, jitter: false }
      params: { fail_attempts: 1 }
    broken: { algo_name: algo_local_test_fail, params: { message: on purpose } }
    after: { algo_name: algo_local_pass_through }
`

const tasks = join(root, 'examples', 'plain-tasks', 'tasks.js')

let platform: Platform
let redis: TestRedis
let prometheus: PrometheusServer
let workerUrls: readonly string[]

beforeAll(async () => {
  platform = await Platform.create('distributed')
  redis = await useTestRedis()
  platform.env['CELERIAC_REDIS_URL'] = redis.url
  await platform.start({ schedulers: 2, workers: 1, concurrency: 2 })
  const queues = ['celery', 'celeriac.local'].map((name) => `${platform.env['CELERIAC_QUEUE_PREFIX']}${name}`)
  await platform.startWorker(2, ['--import', tasks, '-Q', queues.join(',')])
  workerUrls = await Promise.all(platform.workers.map((worker) => announcedUrl(worker)))
  prometheus = await PrometheusServer.start({
    command: commands.prometheus,
    token: 'test-token',
    targets: {
      'celeriac-scheduler': platform.schedulers.map(({ url }) => new URL(url).host),
      'celeriac-worker': workerUrls.map((url) => new URL(url).host),
    },
  })
  await platform.api.json('POST', '/api/v1/datasets?id=1&name=rows', table, 'text/csv')
  const { id } = await platform.api.submit(modelDocument)
  await platform.api.waitFor(id, ['succeeded'])
  const eachSecond = {
    name: 'each-second',
    when: { every: '1s' },
    target: { task: 'tasks.add', args: [2, 3], queue: queues[0] },
  }
  await platform.api.json('POST', '/api/v1/schedules', JSON.stringify(eachSecond))
  // Else its first pass comes after a minute.
  await platform.api.json('POST', '/api/v1/retention')
})

afterAll(async () => {
  await prometheus?.stop()
  await platform?.destroy()
  await redis?.close()
})

/** A worker is ready before it says where its metrics are. */
const announcedUrl = (worker: PlatformProcess): Promise<string> =>
  until(() => {
    const [url] = /http:\/\/[\d.]+:\d+/.exec(worker.output) ?? []
    if (url === undefined) throw new Error('the worker has not announced its address')
    return url
  })

/** Operators, requests and predictions, one round after the other, until the returned function is called. */
function keepBusy(): () => Promise<void> {
  let isOver = false
  const rounds = async (): Promise<void> => {
    while (!isOver) {
      const { id } = await platform.api.submit(mixedDocument)
      // With the longest deadline: this is about what is counted, on a machine that has much to do.
      await platform.api.json('POST', '/api/v1/models/m/predict?timeout=60', manyRows)
      await platform.api.request('POST', '/api/v1/models/m/predict', '{"rows":[{"a":"not a number"}]}')
      await platform.api.waitFor(id, finalStates)
    }
  }
  const done = rounds()
  // Told by whoever ends them, not as a rejection that nobody handles in between.
  done.catch(() => undefined)
  return async () => {
    isOver = true
    await done
  }
}

/** As Grafana fills in the variables: all instances, one version, and a window of several scrapes. */
const filledIn = (expr: string): string =>
  expr
    .replaceAll('$instance', '.*')
    .replaceAll('$model', 'm')
    .replaceAll('$version', '1')
    .replaceAll('$__rate_interval', '1m')

/** The names of those queries that give no number at all. */
async function withoutData(queries: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const answers = Object.entries(queries).map(async ([name, expr]) => {
    const samples = await prometheus.query(filledIn(expr))
    return samples.some(({ value }) => !Number.isNaN(value)) ? [] : [name]
  })
  return (await Promise.all(answers)).flat()
}

/** What promtool finds in an exposition; prom-client's own names for Node's internals are not ours to lint. */
async function lint(exposition: string): Promise<readonly string[]> {
  const child = execFile(commands.promtool, ['check', 'metrics'])
  let said = ''
  child.stderr?.on('data', (text: string) => (said += text))
  child.stdin?.end(exposition)
  await once(child, 'close')
  return said.split('\n').filter((line) => line !== '' && !line.startsWith('nodejs_'))
}

test('promtool finds no fault in what scheduler and worker expose', async () => {
  for (const url of [...platform.schedulers.map(({ url }) => url), ...workerUrls]) {
    const exposition = await (await fetch(`${url}/metrics`)).text()
    expect(exposition).toContain('celeriac_build_info')
    expect(await lint(exposition), url).toEqual([])
  }
})

test('the linter and the search for missing data are awake', async () => {
  expect(await withoutData({ none: 'celeriac_no_such_series', nan: 'vector(0) / 0' })).toEqual([
    'none',
    'nan',
  ])
  expect(await lint('celeriac_bad_total 1\n')).not.toEqual([])
})

test('Prometheus scrapes every scheduler and worker', async () => {
  const expected = platform.schedulers.length + platform.workers.length
  await expect
    .poll(async () => (await prometheus.targets()).map(({ health }) => health), { timeout: 30_000 })
    .toEqual(Array.from({ length: expected }, () => 'up'))
})

test('under load every recorded series and every query of the dashboard has data, and no rule fails', async () => {
  const recorded = Object.fromEntries(readRules().recording.map(({ record }) => [record, record]))
  const panels = Object.fromEntries(
    dashboardPanels().flatMap(({ uid, title, targets }) =>
      targets.map(({ refId, expr }) => [`${uid}: ${title} (${refId})`, expr] as const),
    ),
  )
  const stop = keepBusy()
  try {
    await expect
      .poll(() => withoutData({ ...recorded, ...panels }), { timeout: 120_000, interval: 1_000 })
      .toEqual([])
  } finally {
    await stop()
  }
  expect(await prometheus.brokenRules()).toEqual([])
})

test('no critical alert is near firing on a platform that is well', async () => {
  await expect
    .poll(
      async () =>
        (await prometheus.query('ALERTS{severity="critical"}')).map(({ metric }) => metric['alertname']),
      {
        timeout: 60_000,
        interval: 1_000,
      },
    )
    .toEqual([])
})
