/**
 * Two versions side by side: `npm run test:upgrade -- --from <git ref>`. Runs start on the old version, the database is
 * migrated under it, schedulers and workers of both work together, partitions go from the old to the new one and back,
 * and everything ends on the new one. Each run must succeed, nothing may be parked, and no transition be refused.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildTopology } from '@celeriac/broker'
import amqp from 'amqplib'
import pg from 'pg'
import { ApiClient } from '../support/api-client.ts'
import { until } from '../support/until.ts'
import { command, oldVersion, Service, thisVersion, type Version } from './version.ts'

const { values } = parseArgs({
  options: { from: { type: 'string' }, runs: { type: 'string', default: '12' } },
})
if (values.from === undefined) {
  console.error('--from <git ref>, and optionally --runs <number per phase>')
  process.exit(2)
}
const runsPerPhase = Number(values.runs)
const token = 'test-token'
const beganAt = performance.now()
const log = (line: string): void =>
  console.log(`${((performance.now() - beganAt) / 1_000).toFixed(1).padStart(6)} s  ${line}`)

const name = `upgrade${process.pid}`
const adminUrl = process.env['TEST_DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres'
const amqpUrl = process.env['TEST_AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672'
const databaseUrl = new URL(adminUrl)
databaseUrl.pathname = `/${name}`
const topology = buildTopology({ prefix: `${name}.` })
const services: Service[] = []
const submitted: string[] = []

const sql = async <Row extends object>(text: string, url = databaseUrl.href): Promise<Row[]> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}

/** Three operators one after another; the middle one sleeps, so that a run lasts through what is done to its engine. */
const documentOf = (index: number, seconds: number): string => `
name: upgrade-${index}
dag:
  operator_list: [first, middle, last]
  operator_rels:
    first: [{target: middle, source_index: 0, target_index: 0}]
    middle: [{target: last, source_index: 0, target_index: 0}]
  operator_details:
    first: {algo_name: algo_local_read_file, params: {data_id: 7}}
    middle: {algo_name: algo_local_test_sleep, params: {seconds: ${seconds}}, retries: {max: 2, backoff: 0.1}}
    last: {algo_name: algo_local_pass_through, retries: {max: 2, backoff: 0.1}}
`

async function submit(to: Service, seconds: number): Promise<void> {
  const api = new ApiClient(to.url, token)
  for (let count = 0; count < runsPerPhase; count++)
    submitted.push((await api.submit(documentOf(submitted.length, seconds))).id)
  log(`${runsPerPhase} runs submitted to the ${to.label}`)
}

/** By the database: old versions have no metric of it. The owner's name holds its process id. */
async function partitionsOf({ child }: Service): Promise<number> {
  const [row] = await sql<{ n: string }>(
    `select count(*) as n from partitions where owner like '%-${child.pid}-%'`,
  )
  return Number(row?.n ?? 0)
}

async function untilOwned(scheduler: Service, isEnough: (partitions: number) => boolean): Promise<void> {
  const partitions = await until(
    async () => {
      const owned = await partitionsOf(scheduler)
      if (!isEnough(owned)) throw new Error(`${scheduler.label} owns ${owned} partitions`)
      return owned
    },
    { timeoutMs: 90_000 },
  )
  log(`${scheduler.label} owns ${partitions} partitions`)
}

async function work(old: Version, env: Readonly<Record<string, string>>): Promise<void> {
  const start = async (version: Version, args: readonly string[]): Promise<Service> => {
    const service = await Service.start(version, args, env)
    services.push(service)
    log(`${service.label} is ready`)
    return service
  }
  const worker = ['worker', '--concurrency', '2']
  const migrated = await command(old, ['migrate'], env)
  if (migrated.code !== 0) throw new Error(migrated.output)
  const oldScheduler = await start(old, ['scheduler'])
  const oldWorker = await start(old, worker)
  const table = ['a,b', ...Array.from({ length: 100 }, (_, row) => `${row},${row % 7}`), ''].join('\n')
  await new ApiClient(oldScheduler.url, token).json(
    'POST',
    '/api/v1/datasets?id=7&name=numbers',
    table,
    'text/csv',
  )
  await untilOwned(oldScheduler, (owned) => owned === 8)
  await submit(oldScheduler, 3)

  const upgraded = await command(thisVersion, ['migrate'], env)
  if (upgraded.code !== 0) throw new Error(upgraded.output)
  log(`under it, ${upgraded.output.trim()}`)

  const newScheduler = await start(thisVersion, ['scheduler'])
  const newWorker = await start(thisVersion, worker)
  await untilOwned(newScheduler, (owned) => owned === 4)
  await submit(oldScheduler, 1)
  await submit(newScheduler, 1)

  log('the new scheduler is killed: its partitions go back to the old one')
  await newScheduler.stop('SIGKILL')
  await untilOwned(oldScheduler, (owned) => owned === 8)
  await submit(oldScheduler, 1)
  const secondScheduler = await start(thisVersion, ['scheduler'])
  await untilOwned(secondScheduler, (owned) => owned === 4)

  log('the old scheduler is killed')
  await oldScheduler.stop('SIGKILL')
  await untilOwned(secondScheduler, (owned) => owned === 8)
  await submit(secondScheduler, 1)
  log('the old worker is stopped')
  await oldWorker.stop()

  const ended = await until(
    async () => {
      const rows = await sql<{ state: string; n: string }>(
        'select state, count(*) as n from runs group by state',
      )
      const open = rows.filter(({ state }) => ['queued', 'running', 'cancelling'].includes(state))
      if (open.length > 0) throw new Error(`runs not ended: ${JSON.stringify(rows)}`)
      return rows
    },
    { timeoutMs: 300_000, intervalMs: 500 },
  )
  const restarted = await command(old, ['scheduler'], { ...env, CELERIAC_HTTP_PORT: '0' })
  log(
    restarted.code === 78
      ? 'the old version refuses to start on the new database (exit code 78)'
      : `the old version ends with exit code ${restarted.code}`,
  )
  await newWorker.stop()
  await secondScheduler.stop()
  await judge(ended)
}

/** Throws unless everything went as if there had been one version only. */
async function judge(ended: readonly { state: string; n: string }[]): Promise<void> {
  const tasks = await sql<{ state: string; attempts: string; n: string }>(
    'select state, max(attempt) as attempts, count(*) as n from operator_tasks group by state',
  )
  const connection = await amqp.connect(amqpUrl)
  const channel = await connection.createChannel()
  const { messageCount: parked } = await channel.checkQueue(topology.deadLetter)
  await connection.close()
  const refused = services.filter(({ output }) => output.includes('illegal transition'))
  log(`runs: ${JSON.stringify(ended)}`)
  log(`operator tasks: ${JSON.stringify(tasks)}; parked messages: ${parked}`)
  const isGood =
    ended.length === 1 &&
    ended[0]?.state === 'succeeded' &&
    Number(ended[0].n) === submitted.length &&
    tasks.length === 1 &&
    parked === 0 &&
    refused.length === 0
  if (!isGood) throw new Error('the two versions do not work together')
}

const dataDir = await mkdtemp(join(tmpdir(), 'celeriac-upgrade-'))
let code = 0
try {
  const old = oldVersion(values.from, log)
  await sql(`create database ${name}`, adminUrl)
  await work(old, {
    CELERIAC_DATA_DIR: dataDir,
    CELERIAC_LOG_LEVEL: 'warn',
    CELERIAC_API_TOKEN: token,
    CELERIAC_AMQP_URL: amqpUrl,
    CELERIAC_DATABASE_URL: databaseUrl.href,
    CELERIAC_QUEUE_PREFIX: `${name}.`,
  })
  log('passed')
} catch (error) {
  code = 1
  log(`failed: ${error instanceof Error ? error.message : String(error)}`)
  for (const { label, output } of services) console.error(`--- ${label}\n${output.slice(-4_000)}`)
} finally {
  await Promise.all(services.map((service) => service.stop('SIGKILL')))
  await sql(`drop database if exists ${name} with (force)`, adminUrl)
  const connection = await amqp.connect(amqpUrl)
  const channel = await connection.createChannel()
  for (const queue of topology.queues) await channel.deleteQueue(queue.name)
  for (const exchange of topology.exchanges) await channel.deleteExchange(exchange.name)
  await connection.close()
  await rm(dataDir, { recursive: true, force: true })
}
process.exit(code)
