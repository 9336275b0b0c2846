// `npm run demo`: installs what is missing, then runs the sample DAG on real data in one process and predicts a row.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build, ensurePackages, root } from './install.mjs'
import { ensurePython } from './python-env.mjs'

ensurePackages()
build()
const python = await ensurePython({ root, log: console.error })
const { status } = spawnSync(
  process.execPath,
  [join(root, 'apps', 'cli', 'bin', 'celeriac.mjs'), 'demo', ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...python.env, CELERIAC_PYTHON: python.python },
  },
)
process.exit(status ?? 1)
