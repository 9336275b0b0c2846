// `npm run model-check [-- --bounds small|full] [--plant 'no epoch fence']`: explores the protocol of hand-over and takeover
// (test/model-check) exhaustively within bounds; docs/model-check.md says what it shows.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ensurePackages, root } from './install.mjs'

ensurePackages()
const { status } = spawnSync(
  process.execPath,
  [
    '--max-old-space-size=6000',
    '--conditions=@celeriac/source',
    '--import',
    'tsx',
    join(root, 'test', 'model-check', 'main.ts'),
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit' },
)
process.exit(status ?? 1)
