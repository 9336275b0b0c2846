// `npm run chaos [-- --runs 500 --seed N --minutes N]`: prepares everything and runs test/chaos/chaos.ts; `--help` tells more.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build, ensurePackages, root } from './install.mjs'
import { ensureOwnServices } from './own-services.mjs'
import { ensurePython } from './python-env.mjs'

ensurePackages()
build()
ensureOwnServices()
const { python } = await ensurePython({ root, log: console.error })
const { status } = spawnSync(
  process.execPath,
  [
    '--import',
    'tsx',
    '--conditions=@celeriac/source',
    join(root, 'test', 'chaos', 'chaos.ts'),
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit', env: { ...process.env, CELERIAC_PYTHON: python } },
)
process.exit(status ?? 1)
