// `npm run soak:tasks [-- --tasks 200000] [--seed N]`: prepares everything and runs the soak of the task queue (test/soak). The
// short form is test/chaos/tasks-soak.chaos.ts.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build, ensurePackages, root } from './install.mjs'

ensurePackages()
build()
const { ensureServices } = await import('./services.mjs')
const { status } = spawnSync(
  process.execPath,
  [join(root, 'test', 'soak', 'dist', 'soak.js'), ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit', env: { ...process.env, ...(await ensureServices()) } },
)
process.exit(status ?? 1)
