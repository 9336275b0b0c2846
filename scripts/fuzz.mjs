// `npm run fuzz -- --examples 200 [--seed 1]`: the fuzzing of the HTTP interface (test/e2e/http-fuzz.e2e.ts), as long as you like.
// A seed gives the same calls again; without one each time is another.
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build, ensurePackages, root } from './install.mjs'
import { ensurePython } from './python-env.mjs'

const { values } = parseArgs({ options: { examples: { type: 'string' }, seed: { type: 'string' } } })
const examples = values.examples ?? '100'
const seed = values.seed ?? String(randomInt(1, 1_000_000))
ensurePackages()
build()
const python = await ensurePython({ root, log: console.error, test: true })
console.error(`${examples} examples for each operation and phase, seed ${seed}`)
const { status } = spawnSync(
  process.execPath,
  [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', 'e2e', 'test/e2e/http-fuzz'],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      CELERIAC_PYTHON: python.python,
      CELERIAC_FUZZ_EXAMPLES: examples,
      CELERIAC_FUZZ_SEED: seed,
    },
  },
)
process.exit(status ?? 1)
