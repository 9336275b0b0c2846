// `npm run bench:engine [-- options]`: prepares everything and runs one benchmark program; one JSON line per measurement.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build, ensurePackages, root } from './install.mjs'
import { ensurePython } from './python-env.mjs'

const [name = '', ...args] = process.argv.slice(2)
ensurePackages()
build()
const python = await ensurePython({ root, log: console.error })
const { ensureServices } = await import('./services.mjs')
const { status } = spawnSync(process.execPath, [join(root, 'test', 'bench', 'dist', `${name}.js`), ...args], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, ...python.env, ...(await ensureServices()), CELERIAC_PYTHON: python.python },
})
process.exit(status ?? 1)
