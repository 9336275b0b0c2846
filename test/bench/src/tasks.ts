/**
 * The task benchmark: `npm run bench:tasks [-- options]`. One JSON line per measurement on standard output, progress and a
 * table with the bars of the design on standard error.
 *
 *   --rounds 5          rounds; in each every subject has its turn, figures are medians
 *   --tasks 30000       no-op tasks per round of the fast subjects; Celery's workers get a fifth
 *   --calls 500         round trips per round
 *   --only celeriac,…   subjects
 *   --skip throughput,latency
 *   --save              append the lines to results/<day>.jsonl
 *   --cpu-prof DIR      profile our worker and this publisher
 */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { namesIn } from './names-in.ts'
import { startRoundTrips, type BackendName, type RoundTrips } from './tasks/latency.ts'
import { judge, median, quantile, tableOf, type Measurement } from './tasks/report.ts'
import { subjectNames, type SubjectName } from './tasks/subjects.ts'
import { measureThroughput, type Throughput } from './tasks/throughput.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    tasks: { type: 'string', default: '30000' },
    calls: { type: 'string', default: '500' },
    only: { type: 'string', default: subjectNames.join(',') },
    skip: { type: 'string', default: '' },
    save: { type: 'boolean', default: false },
    'cpu-prof': { type: 'string' },
  },
})
const rounds = Number(values.rounds)
const tasks = Number(values.tasks)
const calls = Number(values.calls)
const subjects = namesIn(values.only, subjectNames, '--only')
const skipped = values.skip.split(',')
const amqpUrl = process.env['TEST_AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672'
const redisUrl = process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379'
const profileDir = values['cpu-prof']
const dataDir = mkdtempSync(join(tmpdir(), 'celeriac-bench-'))
const commands = {
  dataDir,
  python: process.env['CELERIAC_PYTHON'] ?? 'python3',
  nodeOptions: profileDir === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileDir],
}
const machine = { cpus: cpus().length, model: cpus()[0]?.model ?? '', node: process.version }
const lines: string[] = []
const measurements: Measurement[] = []

const say = (text: string): void => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`)
const round = (value: number, digits: number): number => Number(value.toFixed(digits))

function record(
  name: string,
  unit: Measurement['unit'],
  rows: ReadonlyMap<SubjectName, readonly number[]>,
): void {
  const digits = unit === 'ms' ? 3 : 0
  const figures = Object.fromEntries([...rows].map(([subject, each]) => [subject, median(each)]))
  const ours = rows.get('celeriac')
  const ratios: Partial<Record<SubjectName, number>> = {}
  if (ours !== undefined)
    for (const [subject, each] of rows)
      if (subject !== 'celeriac')
        ratios[subject] = median(each.map((figure, index) => (ours[index] ?? NaN) / figure))
  measurements.push({ name, unit, figures, ratios })
  for (const [subject, each] of rows) {
    const value = median(each)
    const line = JSON.stringify({
      bench: `tasks/${name}`,
      at: new Date().toISOString(),
      ...machine,
      load: round(loadavg()[0] ?? 0, 1),
      subject,
      unit,
      value: round(value, digits),
      ...(ratios[subject] === undefined ? {} : { celeriac_ratio: round(ratios[subject], 3) }),
      rounds: each.map((figure) => round(figure, digits)),
    })
    lines.push(line)
    console.log(line)
  }
}

async function runThroughput(): Promise<void> {
  const seen = new Map<SubjectName, Throughput[]>(subjects.map((name) => [name, []]))
  for (let index = 1; index <= rounds; index++)
    for (const name of subjects) {
      const isCelery = name.startsWith('celery_')
      const count = isCelery ? Math.ceil(tasks / 5) : tasks
      const found = await measureThroughput(name, { amqpUrl, commands, tasks: count })
      seen.get(name)?.push(found)
      say(`round ${index} ${name}: ${Math.round(found.drain)} and ${Math.round(found.flow)} tasks/s`)
    }
  for (const figure of ['drain', 'flow'] as const)
    record(
      figure,
      'tasks/s',
      new Map([...seen].map(([name, each]) => [name, each.map((one) => one[figure])])),
    )
}

async function runLatency(backend: BackendName): Promise<void> {
  const options = { amqpUrl, redisUrl, commands }
  const peers: RoundTrips[] = []
  const seen = new Map<SubjectName, number[][]>()
  try {
    for (const name of subjects)
      if (name !== 'raw' || backend === 'rpc') peers.push(await startRoundTrips(name, backend, options))
    for (const peer of peers) await peer.measure(1, Math.max(50, calls))
    for (let index = 1; index <= rounds; index++)
      for (const peer of peers) {
        const { subject } = peer
        const taken = await peer.measure(calls, 20)
        seen.set(subject, [...(seen.get(subject) ?? []), [...taken]])
        say(`round ${index} ${subject} ${backend}: ${quantile(taken, 0.5).toFixed(2)} ms`)
      }
  } finally {
    for (const peer of peers) await peer.stop()
  }
  for (const [suffix, share] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const)
    record(
      `${backend}_${suffix}`,
      'ms',
      new Map([...seen].map(([name, each]) => [name, each.map((taken) => quantile(taken, share))])),
    )
}

try {
  if (!skipped.includes('throughput')) await runThroughput()
  if (!skipped.includes('latency')) {
    await runLatency('rpc')
    await runLatency('redis')
  }
} finally {
  rmSync(dataDir, { recursive: true, force: true })
}
console.error(`\n${tableOf(measurements, judge(measurements))}`)
if (values.save) {
  const day = new Date().toISOString().slice(0, 10)
  const file = join(import.meta.dirname, '..', 'results', `${day}.jsonl`)
  appendFileSync(file, lines.map((line) => `${line}\n`).join(''))
}
