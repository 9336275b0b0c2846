/**
 * The overload benchmark: `npm run bench:overload [-- options]`. Measures what a model can do, sends ten times as much
 * for a minute, then half of it again; and the same requests to a bare server that answers 503 at once. JSON lines on
 * standard output, bars on standard error.
 *
 *   --seconds 60               of overload
 *   --times 10                 of the capacity
 *   --rows 1                   of a request
 *   --models gp,gbdt-python,lr  `gp`: a Gaussian process, half a millisecond and more for each row; a GBDT served by a
 *                              Python process; a logistic regression, served natively
 *   --cpu-prof DIR             profiles our processes
 *   --save                     append the lines to results/<day>.jsonl
 */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { namesIn } from './names-in.ts'
import { Celeriac, type ModelName } from './predict/celeriac.ts'
import { withCpuTime } from './predict/cpu-time.ts'
import { loadFor } from './predict/http-load.ts'
import type { OpenLoopReport, StatusFigures } from './predict/open-loop.ts'
import { memoryOf, watchMemory, type Memory } from './predict/process-memory.ts'
import { openLoop, openLoopToBare, type Offer } from './predict/run-open-loop.ts'
import { sampleData } from './predict/sample-data.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    times: { type: 'string', default: '10' },
    rows: { type: 'string', default: '1' },
    models: { type: 'string', default: 'gp,gbdt-python,lr' },
    'cpu-prof': { type: 'string' },
    save: { type: 'boolean', default: false },
  },
})
const [seconds, times, rowsEach] = [Number(values.seconds), Number(values.times), Number(values.rows)]
const amqpUrl = process.env['TEST_AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672'
const databaseUrl = process.env['TEST_DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres'
const python = process.env['CELERIAC_PYTHON'] ?? 'python3'
const names = namesIn<ModelName>(values.models, ['gp', 'gbdt-python', 'lr'], '--models')
const say = (text: string): void => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`)
const dataDir = mkdtempSync(join(tmpdir(), 'celeriac-bench-'))
const { rows, csv } = sampleData()
const lines: string[] = []

/** By Little's law as many as it takes for 100 ms of the offer; what waits for an answer has some of them, too. */
const socketsFor = (perSecond: number): number => Math.min(2_000, Math.max(512, Math.ceil(perSecond * 0.1)))
/** Of what was offered. */
const mostUnsent = 0.001
/** Of a process and its children, during the overload. */
const mostGrownMib = 256
const bareSeconds = Math.min(seconds, 10)

/** The Gaussian process, trained as any algorithm of a user's own. */
const gaussianProcess = `
name: overload-bench
dag:
  operator_list: [read, standardize, gp, deploy]
  operator_rels:
    read: [{ target: standardize, source_index: 0, target_index: 0 }]
    standardize: [{ target: gp, source_index: 0, target_index: 0 }]
    gp: [{ target: deploy, source_index: 0, target_index: 0 }]
  operator_details:
    read: { algo_name: algo_local_read_file, params: { data_id: 1 } }
    standardize: { algo_name: algo_local_standardize, params: { exclude: [label] } }
    gp: { algo_name: algo_local_gaussian_process, params: { y_col: label } }
    deploy: { algo_name: algo_local_model_deploy, params: { name: bench-gp, alias: champion } }
`

const rateOf = (answers: StatusFigures | undefined, over: number): number =>
  Math.round((answers?.count ?? 0) / over)

async function measure(celeriac: Celeriac, name: ModelName): Promise<void> {
  const target = celeriac.target(name, rows.slice(0, rowsEach))
  await loadFor(target, 3, 64)
  const capacity = (await loadFor(target, 10, 64)).perSecond
  const offer: Offer = { perSecond: capacity * times, seconds, sockets: socketsFor(capacity * times) }
  say(`${name}: capacity ${Math.round(capacity)} answers/s; ${Math.round(offer.perSecond)}/s are offered`)
  const bare = await openLoopToBare(target, { ...offer, seconds: bareSeconds }, dataDir)
  const before = memoryOf(celeriac.pids)
  const most = watchMemory(celeriac.pids)
  const { value: overload, cpuUs } = await withCpuTime(celeriac.pidsByName, () =>
    openLoop(target, offer, dataDir),
  )
  const after = await openLoop(target, { perSecond: capacity / 2, seconds: 10, sockets: 256 }, dataDir)
  report(name, { capacity, offer, bare, overload, after, cpuUs, memory: { before, most: await most() } })
}

interface Measured {
  readonly capacity: number
  readonly offer: Offer
  readonly bare: OpenLoopReport
  readonly overload: OpenLoopReport
  readonly after: OpenLoopReport
  readonly cpuUs: Readonly<Record<string, number>>
  readonly memory: { readonly before: Memory; readonly most: Memory }
}

function report(name: string, measured: Measured): void {
  const { capacity, offer, bare, overload, after, cpuUs, memory } = measured
  const { 200: served, 503: shed, ...others } = overload.byStatus
  const answers = Object.values(overload.byStatus).reduce((sum, { count }) => sum + count, 0)
  const offered = overload.sent + overload.unsent
  const isAllSent = overload.unsent <= mostUnsent * offered
  // The first second in which everything is answered with 200 again.
  const calm = after.seconds.findIndex((counts) => Object.keys(counts).every((status) => status === '200'))
  const goodput = (served?.count ?? 0) / seconds / capacity
  const figures = {
    bench: 'overload',
    at: new Date().toISOString(),
    cpu: { cpus: cpus().length, model: cpus()[0]?.model ?? '', node: process.version },
    load: Number((loadavg()[0] ?? 0).toFixed(1)),
    model: name,
    rows: rowsEach,
    capacity: Math.round(capacity),
    offered: Math.round(offered / seconds),
    sent: Math.round(overload.sent / seconds),
    sockets: offer.sockets,
    goodput: rateOf(served, seconds),
    goodput_ratio: Number(goodput.toFixed(3)),
    shed: rateOf(shed, seconds),
    served_ms: served ?? null,
    shed_ms: shed ?? null,
    bare: {
      sent: Math.round(bare.sent / bareSeconds),
      shed: rateOf(bare.byStatus['503'], bareSeconds),
      shed_ms: bare.byStatus['503'] ?? null,
    },
    others: Object.fromEntries(Object.entries(others).map(([status, { count }]) => [status, count])),
    retry_after_missing: overload.retryAfterMissing,
    cpu_us: Object.fromEntries(Object.entries(cpuUs).map(([who, us]) => [who, Math.round(us / answers)])),
    memory_mib: memory,
    calm_after_s: calm,
  }
  lines.push(JSON.stringify(figures))
  console.log(lines.at(-1))
  const judge = (text: string, isHeld: boolean): void =>
    console.error(`${isHeld ? 'held  ' : 'MISSED'}  ${name}: ${text}`)
  judge(
    `all that was offered was sent: ${figures.sent}/s of ${figures.offered}/s (to the bare server ${figures.bare.sent}/s)`,
    isAllSent,
  )
  judge(`goodput >= 80 % of capacity: ${figures.goodput_ratio}`, goodput >= 0.8)
  judge(`503 in < 50 ms of when it was due: ${timesOf(shed?.due)}`, (shed?.due.p99 ?? Infinity) < 50)
  console.error(
    `        ${name}: 503 from the writing of the request on: ${timesOf(shed?.written)}; of the bare server: ${timesOf(bare.byStatus['503']?.written)}`,
  )
  judge(`nothing but 200 and 503: ${JSON.stringify(figures.others)}`, Object.keys(others).length === 0)
  judge(`Retry-After with each 503: ${overload.retryAfterMissing} without`, overload.retryAfterMissing === 0)
  judge(`all as before within 2 s: after ${calm} s`, calm >= 0 && calm < 2)
  const { before, most } = memory
  const grown = most.withChildren.map((mib, index) => mib - (before.withChildren[index] ?? 0))
  judge(
    `memory bounded (MiB): ${most.own.join(', ')}; with children ${before.withChildren.join(', ')} -> ${most.withChildren.join(', ')}`,
    most.own.every((mib) => mib < 1_024) && grown.every((mib) => mib < mostGrownMib),
  )
}

const timesOf = (figures: StatusFigures['due'] | undefined): string =>
  figures === undefined ? 'none' : `p50 ${figures.p50}, p99 ${figures.p99}, max ${figures.max} ms`

const profileDir = values['cpu-prof']
const celeriac = await Celeriac.start({
  mode: 'amqp',
  amqpUrl,
  databaseUrl,
  dataDir,
  python,
  nodeOptions: profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`],
  algorithmsDir: join(import.meta.dirname, '..', 'algorithms'),
})
try {
  await celeriac.deploy(csv)
  if (names.includes('gp')) await celeriac.run(gaussianProcess)
  for (const name of names) await measure(celeriac, name)
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
