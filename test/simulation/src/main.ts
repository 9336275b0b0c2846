/**
 * The program behind `npm run simulate`: runs a range of seeds, spread over processes, and reports what it finds. Talks in
 * lines of JSON with `--json`, so that the mutations can be counted by another program.
 */
import { fork } from 'node:child_process'
import { parseArgs } from 'node:util'
import { simulateSeed, type SeedResult } from './simulate-seed.ts'

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1000' },
    jobs: { type: 'string', default: '2' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    /** Set for the processes that run the seeds: first one, distance, one past the last. */
    child: { type: 'string' },
  },
})

interface Totals {
  seeds: number
  steps: number
  virtualMs: number
  faults: number
  executions: number
  failures: SeedResult[]
}

const seconds = (ms: number): string => (ms / 1_000).toFixed(3)
const print = (line: string): void => void process.stdout.write(`${line}\n`)

async function replay(seed: number): Promise<void> {
  const story = (at: number, what: string): void => print(`${seconds(at).padStart(9)}  ${what}`)
  const result = await simulateSeed(seed, values.trace ? { story } : {})
  print(summaryOf(result))
  process.exitCode = result.violation === null ? 0 : 1
}

function summaryOf({ seed, violation, steps, virtualMs, digest, faults, executions }: SeedResult): string {
  const facts = `${steps} steps, ${seconds(virtualMs)} virtual seconds, ${faults} faults, ${executions} executions, digest ${digest}`
  if (violation === null) return `seed ${seed}: nothing found (${facts})`
  return [
    `seed ${seed}: ${violation.invariant} violated at ${seconds(violation.at)} s: ${violation.what}`,
    `  ${facts}`,
    `  replay: npm run simulate -- --seed ${seed} --trace`,
  ].join('\n')
}

async function runChild(range: string): Promise<void> {
  const [first = 0, distance = 1, end = 0] = range.split(',').map(Number)
  for (let seed = first; seed < end; seed += distance)
    await new Promise<void>((resolve, reject) => {
      simulateSeed(seed).then(
        (result) => process.send?.(result, undefined, undefined, () => resolve()),
        reject,
      )
    })
  process.disconnect()
}

async function runAll(from: number, seeds: number, jobs: number): Promise<Totals> {
  const totals: Totals = { seeds: 0, steps: 0, virtualMs: 0, faults: 0, executions: 0, failures: [] }
  const startedAt = Date.now()
  let toldAt = startedAt
  const children = Array.from({ length: jobs }, (_, job) =>
    fork(process.argv[1] ?? '', ['--child', `${from + job},${jobs},${from + seeds}`]),
  )
  const onResult = (result: SeedResult): void => {
    totals.seeds++
    totals.steps += result.steps
    totals.virtualMs += result.virtualMs
    totals.faults += result.faults
    totals.executions += result.executions
    if (result.violation !== null) totals.failures.push(result)
    if (result.violation !== null && !values.json) print(summaryOf(result))
    if (result.violation !== null && !values['keep-going']) for (const child of children) child.kill()
    if (Date.now() - toldAt < 5_000 || values.json) return
    toldAt = Date.now()
    const elapsedS = (toldAt - startedAt) / 1_000
    print(`${totals.seeds} of ${seeds} seeds, ${elapsedS.toFixed(0)} s, ${totals.failures.length} violations`)
  }
  await Promise.all(
    children.map(
      (child) =>
        new Promise<void>((resolve, reject) => {
          child.on('message', (message) => onResult(message as SeedResult))
          child.on('exit', (code, signal) =>
            code === 0 || signal === 'SIGTERM'
              ? resolve()
              : reject(new Error(`a process ended with ${code ?? signal}`)),
          )
        }),
    ),
  )
  return totals
}

async function main(): Promise<void> {
  if (values.child !== undefined) return await runChild(values.child)
  if (values.seed !== undefined) return await replay(Number(values.seed))
  const startedAt = Date.now()
  const { failures, ...totals } = await runAll(Number(values.from), Number(values.seeds), Number(values.jobs))
  const elapsedS = (Date.now() - startedAt) / 1_000
  failures.sort((a, b) => a.seed - b.seed)
  process.exitCode = failures.length > 0 ? 1 : 0
  if (values.json) return print(JSON.stringify({ ...totals, elapsedS, failures }))
  print(
    `${totals.seeds} seeds in ${elapsedS.toFixed(1)} s: ${failures.length} violations; ${totals.steps} steps, ` +
      `${(totals.virtualMs / 3_600_000).toFixed(1)} virtual hours, ${totals.faults} faults, ${totals.executions} executions`,
  )
}

await main()
