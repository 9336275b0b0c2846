/**
 * The predict benchmark: `npm run bench:predict [-- options]`. One JSON line per subject and model on standard output,
 * progress and a table with the bars of the design on standard error.
 *
 *   --rounds 3          rounds; in each every subject has its turn, figures are medians
 *   --calls 1000        calls one after the other, after 1,000 that do not count; of Celery half of both
 *   --warm-up 4000      calls before those, once for each model: a service in production has compiled its code. The
 *                       first 200 of them are the figure `cold`
 *   --seconds 8         of load
 *   --connections 64    of load; Celery's client has a quarter of them as threads
 *   --only celeriac_amqp,…   subjects
 *   --models lr,gbdt    models
 *   --save              append the lines to results/<day>.jsonl
 *   --cpu-prof DIR      profile our processes
 */
import { Agent } from 'node:http'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BareHttp } from './predict/bare-http.ts'
import { Celeriac, probabilitiesOf } from './predict/celeriac.ts'
import { rabbitPid, withCpuTime, type CpuPids } from './predict/cpu-time.ts'
import { loadFor, send, timeCalls, type HttpTarget } from './predict/http-load.ts'
import { CeleryPeer, FastApiPeer, fitModels, type PeerModel } from './predict/python-peers.ts'
import { RawRpc } from './predict/raw-rpc.ts'
import {
  cpuOf,
  figureNames,
  figureOf,
  ratioOf,
  subjectNames,
  tableOf,
  type Row,
  type SubjectName,
  type Turn,
} from './predict/report.ts'
import { sampleData } from './predict/sample-data.ts'
import { namesIn } from './names-in.ts'
import { quantile } from './tasks/report.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    calls: { type: 'string', default: '1000' },
    'warm-up': { type: 'string', default: '4000' },
    seconds: { type: 'string', default: '8' },
    connections: { type: 'string', default: '64' },
    only: { type: 'string', default: subjectNames.join(',') },
    models: { type: 'string', default: 'lr,gbdt' },
    save: { type: 'boolean', default: false },
    'cpu-prof': { type: 'string' },
  },
})
const [rounds, calls, warmUp, seconds, connections] = [
  Number(values.rounds),
  Number(values.calls),
  Number(values['warm-up']),
  Number(values.seconds),
  Number(values.connections),
]
const wanted = namesIn(values.only, subjectNames, '--only')
const amqpUrl = process.env['TEST_AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672'
const databaseUrl = process.env['TEST_DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres'
const redisUrl = process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379'
const python = process.env['CELERIAC_PYTHON'] ?? 'python3'
const peerPython = process.env['BENCH_PEER_PYTHON'] ?? python
const profileDir = values['cpu-prof']
const nodeOptions = profileDir === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileDir]
const modelNames = namesIn(values.models, ['lr', 'gbdt'] as const, '--models')
const say = (text: string): void => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`)

/** A subject that is up: its turns, and how it is ended. */
interface Subject {
  readonly name: SubjectName
  readonly models: readonly string[]
  turn(model: string): Promise<Turn>
  stop(): Promise<void>
}

const dataDir = mkdtempSync(join(tmpdir(), 'celeriac-bench-'))
const { rows, csv } = sampleData()
const csvFile = join(dataDir, 'data.csv')
const models = join(dataDir, 'models')
writeFileSync(csvFile, csv)
mkdirSync(models)
say('fitting the models of the peers')
const expected = fitModels(peerPython, csvFile, models)
const row = rows[0] ?? {}

/** Calls from which the figure `cold` is made. */
const coldCalls = 200
/** Before each turn: while the others had theirs it has cooled down (README). */
const againCalls = 1_000
/** Milliseconds of the first calls, by what was called; what has its own is warm. */
const coldP50 = new Map<string, number>()

async function warmUpOnce(url: string, call: (count: number) => Promise<readonly number[]>): Promise<number> {
  const known = coldP50.get(url)
  if (known !== undefined) return known
  const first = await call(Math.max(warmUp, coldCalls))
  const cold = quantile(first.slice(0, coldCalls), 0.5)
  coldP50.set(url, cold)
  return cold
}

async function httpTurn(target: HttpTarget, pids: CpuPids = {}): Promise<Turn> {
  const cold = await warmUpOnce(target.url, (count) => timeCalls(target, count, 0))
  const alone = await timeCalls(target, calls, againCalls)
  await loadFor(target, 2, connections)
  const { value: load, cpuUs } = await withCpuTime(pids, () => loadFor(target, seconds, connections))
  const answers = Math.max(1, load.perSecond * seconds)
  return {
    cold,
    p50: quantile(alone, 0.5),
    p99: quantile(alone, 0.99),
    perSecond: load.perSecond,
    loadedP50: load.p50,
    loadedP99: load.p99,
    failed: load.failed,
    cpuUs: Object.fromEntries(Object.entries(cpuUs).map(([name, us]) => [name, us / answers])),
  }
}

/** Refuses to measure a subject that computes something else. */
async function compare(model: PeerModel, target: HttpTarget, read: (answer: string) => readonly number[]) {
  const agent = new Agent()
  const got = read(await send(agent, target))
  agent.destroy()
  const difference = Math.max(...got.map((value, index) => Math.abs(value - (expected[model][index] ?? NaN))))
  // Trees may differ where splits tie; what matters is that it is the same model, not the last digit.
  if (!(difference < 0.02)) throw new Error(`${target.url} differs from scikit-learn by ${difference}`)
  say(`${target.url}: differs from the peers' ${model} by at most ${difference.toExponential(1)}`)
}

async function startCeleriac(name: 'celeriac_amqp' | 'celeriac_embedded'): Promise<Subject> {
  const mode = name === 'celeriac_amqp' ? 'amqp' : 'embedded'
  const celeriac = await Celeriac.start({ mode, amqpUrl, databaseUrl, dataDir, python, nodeOptions })
  await celeriac.deploy(csv)
  for (const model of modelNames)
    await compare(model, celeriac.target(model, rows.slice(0, expected[model].length)), probabilitiesOf)
  const rabbit = mode === 'amqp' ? rabbitPid() : null
  const pids = { ...celeriac.pidsByName, ...(rabbit === null ? {} : { rabbitmq: rabbit }) }
  return {
    name,
    models: modelNames,
    turn: (model) => httpTurn(celeriac.target(model as PeerModel, [row]), pids),
    stop: () => celeriac.stop(),
  }
}

async function start(name: SubjectName): Promise<Subject> {
  const options = { python: peerPython, models, amqpUrl, redisUrl }
  switch (name) {
    case 'celeriac_amqp':
    case 'celeriac_embedded':
      return startCeleriac(name)
    case 'fastapi': {
      const peer = await FastApiPeer.start(options)
      return {
        name,
        models: modelNames,
        turn: (model) => httpTurn(peer.target(model as PeerModel, [row])),
        stop: () => peer.stop(),
      }
    }
    case 'celery': {
      const peer = new CeleryPeer(options)
      return {
        name,
        models: modelNames,
        turn: (model) => celeryTurn(peer, model as PeerModel),
        stop: () => peer.stop(),
      }
    }
    case 'raw': {
      const peer = await RawRpc.start(amqpUrl)
      return {
        name,
        models: [''],
        async turn() {
          const cold = await warmUpOnce('raw', (count) => peer.calls(count))
          await peer.calls(againCalls)
          return { cold, ...(await peer.measure(calls, connections, seconds)) }
        },
        stop: () => peer.stop(),
      }
    }
    case 'http': {
      const peer = await BareHttp.start()
      const target = peer.target(JSON.stringify({ rows: [row] }))
      return { name, models: [''], turn: () => httpTurn(target), stop: () => peer.stop() }
    }
  }
}

async function celeryTurn(peer: CeleryPeer, model: PeerModel): Promise<Turn> {
  // Python compiles nothing on the way: no more calls are needed than give a figure.
  const cold = await warmUpOnce(`celery ${model}`, async () => {
    const first = await peer.measure(model, row, { calls: coldCalls, threads: 1 })
    return first.taken
  })
  await peer.measure(model, row, { calls: Math.ceil(againCalls / 2), threads: 1 })
  const alone = await peer.measure(model, row, { calls: Math.ceil(calls / 2), threads: 1 })
  const rate = alone.taken.length / alone.seconds
  const threads = Math.max(1, Math.round(connections / 4))
  const loaded = await peer.measure(model, row, { calls: Math.ceil(rate * seconds), threads })
  return {
    cold,
    p50: quantile(alone.taken, 0.5),
    p99: quantile(alone.taken, 0.99),
    perSecond: loaded.taken.length / loaded.seconds,
    loadedP50: quantile(loaded.taken, 0.5),
    loadedP99: quantile(loaded.taken, 0.99),
    failed: 0,
  }
}

const cpuText = ({ cpuUs = {} }: Turn): string =>
  `CPU µs per answer: ${JSON.stringify(cpuUs, (_name, value: unknown) => (typeof value === 'number' ? Math.round(value) : value))}`

const subjects: Subject[] = []
const seen = new Map<string, { subject: SubjectName; model: string; turns: Turn[] }>()
try {
  for (const name of subjectNames)
    if (wanted.includes(name)) {
      say(`starting ${name}`)
      subjects.push(await start(name))
    }
  for (let index = 1; index <= rounds; index++)
    for (const subject of subjects)
      for (const model of subject.models) {
        const turn = await subject.turn(model)
        const key = `${subject.name} ${model}`
        seen.set(key, seen.get(key) ?? { subject: subject.name, model, turns: [] })
        seen.get(key)?.turns.push(turn)
        say(
          `round ${index} ${key}: p50 ${turn.p50.toFixed(2)} ms (cold ${turn.cold.toFixed(2)}), ${Math.round(turn.perSecond)} answers/s, ${cpuText(turn)}`,
        )
      }
} finally {
  for (const subject of subjects) await subject.stop()
  rmSync(dataDir, { recursive: true, force: true })
}

const measured: readonly Row[] = [...seen.values()]
const machine = { cpus: cpus().length, model: cpus()[0]?.model ?? '', node: process.version }
const lines = measured.map((each) =>
  JSON.stringify({
    bench: 'predict',
    at: new Date().toISOString(),
    cpu: machine,
    load: Number((loadavg()[0] ?? 0).toFixed(1)),
    subject: each.subject,
    model: each.model,
    ...Object.fromEntries(figureNames.map((name) => [name, Number(figureOf(each, name).toFixed(3))])),
    cpu_us: cpuOf(each),
    celeriac_ratio: Number(ratioOf(measured, each, 'perSecond').toFixed(3)),
    rounds: each.turns.map((turn) => Math.round(turn.perSecond)),
  }),
)
for (const line of lines) console.log(line)
console.error(`\n${tableOf(measured)}`)
if (values.save) {
  const day = new Date().toISOString().slice(0, 10)
  appendFileSync(
    join(import.meta.dirname, '..', 'results', `${day}.jsonl`),
    lines.map((line) => `${line}\n`).join(''),
  )
}
