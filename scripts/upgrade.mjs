// `npm run test:upgrade -- --from <git ref>`: runs that version and this one side by side (test/upgrade/main.ts): runs start on
// the old one, partitions go to and fro, everything ends on the new one. docs/operations/upgrade.md has the outcomes.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build, ensurePackages, root } from './install.mjs'
import { ensurePython } from './python-env.mjs'

ensurePackages()
build()
const python = await ensurePython({ root, log: console.error })
const { ensureServices } = await import('./services.mjs')
const { status } = spawnSync(
  process.execPath,
  [
    '--conditions=@celeriac/source',
    '--import',
    'tsx',
    join(root, 'test', 'upgrade', 'main.ts'),
    ...process.argv.slice(2),
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...(await ensureServices()), ...python.env, CELERIAC_PYTHON: python.python },
  },
)
process.exit(status ?? 1)
