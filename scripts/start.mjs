// `npm start`: installs what is missing and keeps the embedded platform up until Ctrl-C.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { build, ensurePackages, root } from './install.mjs'
import { ensurePython } from './python-env.mjs'

ensurePackages()
build()
const python = await ensurePython({ root, log: console.error })
const child = spawn(
  process.execPath,
  [join(root, 'apps', 'cli', 'bin', 'celeriac.mjs'), 'standalone', ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...python.env, CELERIAC_PYTHON: python.python },
  },
)
// The platform stops itself in order; this process only passes the wish on and waits.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 130)))
