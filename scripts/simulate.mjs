// `npm run simulate [-- --seeds 10000]`: the engine and the workers under one seeded scheduler (test/simulation, docs/simulation.md).
import { spawn, spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { ensurePackages } from './install.mjs'

const usage = `npm run simulate -- [options]
  --seeds N        how many seeds (default 1000; of mutations: at most so many each, default 2000)
  --from N         the first of them (default 1)
  --jobs N         processes (default 2)
  --keep-going     do not end at the first violation
  --seed N         one seed alone; with --trace its whole story
  --mutations      plant bugs in the sources, one at a time, and count the seeds until each is found
  --only NAME      that mutation alone; with --seed and --trace the story of how it is found
  --help`

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
    mutations: { type: 'boolean', default: false },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(usage)
  process.exit(0)
}
for (const name of ['seeds', 'from', 'jobs', 'seed'])
  if (values[name] !== undefined && !/^[1-9]\d{0,8}$/.test(values[name])) {
    console.error(`--${name} takes a whole number from 1 on\n\n${usage}`)
    process.exit(2)
  }
ensurePackages()
const { bundleSimulation } = await import('../test/simulation/bundle.mjs')
const { mutations } = await import('../test/simulation/mutations.mjs')

/** Options for the simulation itself. */
const options = (seeds) => [
  '--from',
  values.from,
  '--seeds',
  values.seeds ?? seeds,
  '--jobs',
  values.jobs,
  ...(values.seed === undefined ? [] : ['--seed', values.seed]),
  ...(values.trace ? ['--trace'] : []),
  ...(values['keep-going'] ? ['--keep-going'] : []),
]
const node = ['--enable-source-maps']

if (!values.mutations) {
  const program = await bundleSimulation('simulation')
  const { status } = spawnSync(process.execPath, [...node, program, ...options('1000')], { stdio: 'inherit' })
  process.exit(status ?? 1)
}

const chosen = mutations.filter(({ name }) => values.only === undefined || values.only === name)
if (chosen.length === 0) {
  console.error(
    `there is no mutation ${values.only}; there are ${mutations.map(({ name }) => name).join(', ')}`,
  )
  process.exit(2)
}
let missed = 0
for (const { name, what, changes } of chosen) {
  const program = await bundleSimulation(`mutated-${name}`, changes)
  if (values.seed !== undefined) {
    spawnSync(process.execPath, [...node, program, ...options('1')], { stdio: 'inherit' })
    continue
  }
  const { seeds, elapsedS, failures } = JSON.parse(await outputOf([program, ...options('2000'), '--json']))
  const [failure] = failures
  if (failure === undefined) missed++
  const verdict =
    failure === undefined
      ? `NOT FOUND in ${seeds} seeds`
      : `found after ${seeds} seeds (${elapsedS.toFixed(1)} s) by seed ${failure.seed}: ${failure.violation.invariant}`
  console.log(`${name.padEnd(26)} ${verdict}\n${' '.repeat(27)}${what}`)
}
if (values.seed === undefined) console.log(`${chosen.length - missed} of ${chosen.length} mutations found`)
process.exit(missed > 0 ? 1 : 0)

/** A violation is an answer here, so the exit code says nothing. */
function outputOf(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.on('error', reject)
    child.on('close', () => resolve(output))
  })
}
