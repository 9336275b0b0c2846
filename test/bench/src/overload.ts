/**
 * The overload benchmark: `npm run bench:overload [-- options]`. Measures what a model can do, sends ten times as much
 * for a minute, then half of it again. JSON lines on standard output, bars on standard error.
 *
 *   --seconds 60        of overload
 *   --times 10          of the capacity
 *   --models python,lr  `python`: a GBDT served by a Python process; `lr`: a logistic regression, served natively
 *   --save              append the lines to results/<day>.jsonl
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Celeriac, type ModelName } from './predict/celeriac.ts'
import { loadFor, type HttpTarget } from './predict/http-load.ts'
import type { OpenLoopConfig, OpenLoopReport } from './predict/open-loop.ts'
import { sampleData } from './predict/sample-data.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    times: { type: 'string', default: '10' },
    models: { type: 'string', default: 'python,lr' },
    save: { type: 'boolean', default: false },
  },
})
const [seconds, times] = [Number(values.seconds), Number(values.times)]
const amqpUrl = process.env['TEST_AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672'
const databaseUrl = process.env['TEST_DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres'
const python = process.env['CELERIAC_PYTHON'] ?? 'python3'
const say = (text: string): void => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`)
const dataDir = mkdtempSync(join(tmpdir(), 'celeriac-bench-'))
const { rows, csv } = sampleData()
const lines: string[] = []

async function openLoop(target: HttpTarget, perSecond: number, forSeconds: number): Promise<OpenLoopReport> {
  const { hostname, port, pathname } = new URL(target.url)
  const headers = {
    host: `${hostname}:${port}`,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(target.body)),
    ...target.headers,
  }
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const config: OpenLoopConfig = {
    host: hostname,
    port: Number(port),
    request: `POST ${pathname} HTTP/1.1\r\n${head.join('')}\r\n${target.body}`,
    perSecond,
    seconds: forSeconds,
    maxSockets: 2_000,
  }
  const file = join(dataDir, 'open-loop.json')
  writeFileSync(file, JSON.stringify(config))
  const program = join(import.meta.dirname, 'predict', 'open-loop.js')
  const child = spawn(process.execPath, [program, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  await once(child, 'close')
  return JSON.parse(output) as OpenLoopReport
}

/** Most resident memory of each process since `reset`, in MiB. */
function memoryOf(pids: readonly number[]): number[] {
  return pids.map((pid) => {
    const found = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return Math.round(Number(found?.[1] ?? 0) / 1_024)
  })
}

async function measure(celeriac: Celeriac, name: string): Promise<void> {
  const model = (name === 'python' ? 'gbdt-python' : name) as ModelName
  const target = celeriac.target(model, [rows[0] ?? {}])
  await loadFor(target, 3, 64)
  const capacity = (await loadFor(target, 10, 64)).perSecond
  say(`${name}: capacity ${Math.round(capacity)} answers/s`)
  const before = memoryOf(celeriac.pids)
  let most = before
  let isOver = false
  const watching = (async () => {
    while (!isOver) {
      most = memoryOf(celeriac.pids).map((now, index) => Math.max(now, most[index] ?? 0))
      await sleep(250)
    }
  })()
  const overload = await openLoop(target, capacity * times, seconds)
  const after = await openLoop(target, capacity / 2, 10)
  isOver = true
  await watching
  const served = overload.byStatus['200']
  const shed = overload.byStatus['503']
  const others = Object.entries(overload.byStatus).filter(([status]) => status !== '200' && status !== '503')
  // The first second in which everything is answered with 200 again.
  const calm = after.seconds.findIndex((counts) => Object.keys(counts).every((status) => status === '200'))
  const figures = {
    bench: 'overload',
    at: new Date().toISOString(),
    cpu: { cpus: cpus().length, model: cpus()[0]?.model ?? '', node: process.version },
    load: Number((loadavg()[0] ?? 0).toFixed(1)),
    model: name,
    capacity: Math.round(capacity),
    offered: Math.round((overload.sent + overload.unsent) / seconds),
    sent: Math.round(overload.sent / seconds),
    goodput: Math.round((served?.count ?? 0) / seconds),
    goodput_ratio: Number(((served?.count ?? 0) / seconds / capacity).toFixed(3)),
    served_ms: served ?? null,
    shed_ms: shed ?? null,
    others: Object.fromEntries(others.map(([status, { count }]) => [status, count])),
    retry_after_missing: overload.retryAfterMissing,
    memory_mib: { before, most },
    calm_after_s: calm,
  }
  lines.push(JSON.stringify(figures))
  console.log(lines.at(-1))
  const judge = (text: string, isHeld: boolean): void =>
    console.error(`${isHeld ? 'held  ' : 'MISSED'}  ${name}: ${text}`)
  judge(`goodput >= 80 % of capacity: ${figures.goodput_ratio}`, figures.goodput_ratio >= 0.8)
  judge(`503 in < 50 ms: p50 ${shed?.p50.toFixed(1)}, p99 ${shed?.p99.toFixed(1)}`, (shed?.p99 ?? 0) < 50)
  judge(`nothing but 200 and 503: ${JSON.stringify(figures.others)}`, others.length === 0)
  judge(`all as before within 2 s: after ${calm} s`, calm >= 0 && calm < 2)
  judge(
    `memory bounded (MiB): ${before.join(', ')} -> ${most.join(', ')}`,
    most.every((mib) => mib < 1_024),
  )
}

const celeriac = await Celeriac.start({
  mode: 'amqp',
  amqpUrl,
  databaseUrl,
  dataDir,
  python,
  nodeOptions: [],
})
try {
  await celeriac.deploy(csv)
  for (const name of values.models.split(',')) await measure(celeriac, name)
} finally {
  await celeriac.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
if (values.save) {
  const day = new Date().toISOString().slice(0, 10)
  appendFileSync(
    join(import.meta.dirname, '..', 'results', `${day}.jsonl`),
    lines.map((line) => `${line}\n`).join(''),
  )
}
