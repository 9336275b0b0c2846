/** `npm run chaos`: see run-chaos.ts. Prints a table of faults and outcomes, and the report as one JSON line. */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { measureTakeovers } from '../outage/takeovers.ts'
import { summaryOf, tableOf } from './report.ts'
import { runChaos } from './run-chaos.ts'

const help = `Breaks a platform of real processes while runs go through it, and judges what became of them.

npm run chaos -- [options]
  --runs N         runs, of 6 to 12 operators (500)
  --faults N       faults, one in eight runs by default
  --seed N         what is drawn: runs, faults, targets (random; printed)
  --minutes N      repeats, with the next seed each time, until so much time is over
  --takeovers N    instead: every kind of takeover N times, with a table of how long each took
  --schedulers N   (3)     --workers N   (4)     --concurrency N   slots of a worker (2)

Needs the programs of RabbitMQ and PostgreSQL; servers of its own are started. Failures keep their logs in .cache/chaos.
`

const number = (text: string | undefined, fallback: number): number => {
  const value = text === undefined ? fallback : Number(text)
  if (Number.isInteger(value) && value >= 0) return value
  process.stderr.write(`${text} is no number\n`)
  process.exit(2)
}

const { values } = parseArgs({
  options: {
    runs: { type: 'string' },
    faults: { type: 'string' },
    seed: { type: 'string' },
    minutes: { type: 'string' },
    takeovers: { type: 'string' },
    schedulers: { type: 'string' },
    workers: { type: 'string' },
    concurrency: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help) {
  process.stdout.write(help)
  process.exit(0)
}

if (values.takeovers !== undefined) {
  const { table, violations } = await measureTakeovers(number(values.takeovers, 5), (text) =>
    process.stderr.write(`${text}\n`),
  )
  process.stdout.write(`${table}\n`)
  for (const violation of violations) process.stderr.write(`VIOLATION ${violation}\n`)
  process.exit(violations.length === 0 ? 0 : 1)
}

const runs = number(values.runs, 500)
const until = performance.now() + number(values.minutes, 0) * 60_000
let seed = number(values.seed, randomInt(1, 1_000_000))
let violations = 0
const isTerminal = process.stderr.isTTY
let told = ''
let toldAt = 0
do {
  process.stderr.write(`seed ${seed}\n`)
  const report = await runChaos({
    seed,
    runs,
    faults: number(values.faults, Math.max(4, Math.round(runs / 8))),
    schedulers: number(values.schedulers, 3),
    workers: number(values.workers, 4),
    concurrency: number(values.concurrency, 2),
    onProgress: (text) => {
      // A terminal shows the last line; a log file has no use for two of them a second.
      if (isTerminal) process.stderr.write(`\r\u001b[K${text}`)
      else if (text !== told && performance.now() - toldAt > 5_000) {
        process.stderr.write(`${text}\n`)
        toldAt = performance.now()
      }
      told = text
    },
  })
  process.stdout.write(`\n${tableOf(report)}\n\n${summaryOf(report)}\n${JSON.stringify(report)}\n`)
  violations += report.violations.length
  seed++
} while (performance.now() < until)
process.exit(violations === 0 ? 0 : 1)
