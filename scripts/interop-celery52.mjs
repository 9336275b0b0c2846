// `npm run test:interop:celery52`: a client of Celery 5.2 calls our worker, with redis:// results. Left out: zstd (kombu 5.2 has it
// only with a package), arguments of every type (kombu 5.2 cannot encode bytes), rpc:// and canvases (not looked into).
// Not a part of `npm test`: 5.2 is not certain to install everywhere.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ensureSuiteEnvironment } from './celery-suite/python.mjs'
import { startRedis } from './celery-suite/services.mjs'
import { build, ensurePackages, root } from './install.mjs'

ensurePackages()
build()
const requirements = join(root, 'test', 'interop', 'celery52-requirements.txt')
const python = ensureSuiteEnvironment(requirements, { name: 'celery52' })
const { ensureServices } = await import('./services.mjs')
const services = await ensureServices()
// 5.2 has no prefix for its keys.
const redis = await startRedis()
let status = 1
try {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const selection = ['test/interop/python-calls.interop.ts', '-t', 'with redis://(?!.*(zstd|every type))']
  ;({ status } = spawnSync(process.execPath, [vitest, 'run', '--project', 'interop', ...selection], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      ...services,
      TEST_REDIS_URL: `redis://127.0.0.1:${redis.port}`,
      CELERIAC_TEST_BARE_KEYS: '1',
      CELERIAC_PYTHON: python,
    },
  }))
} finally {
  await redis.stop()
}
process.exit(status ?? 1)
