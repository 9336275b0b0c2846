// `npm run bench:engine [-- options]`, `bench:tasks`, `bench:predict`, `bench:overload`: prepares everything and runs one benchmark program; one JSON line per measurement.
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureSuiteEnvironment } from './celery-suite/python.mjs'
import { openVhost } from './celery-suite/services.mjs'
import { build, ensurePackages, root } from './install.mjs'
import { ensurePython } from './python-env.mjs'

const programs = ['engine', 'tasks', 'predict', 'overload']
const [name = '', ...args] = process.argv.slice(2)
if (!programs.includes(name)) fail(`there is no benchmark "${name}"; there are ${programs.join(', ')}`)
if (args.includes('--help')) {
  console.log(usageOf(name))
  process.exit(0)
}
ensurePackages()
build()
const python = await ensurePython({ root, log: console.error })
const { ensureServices } = await import('./services.mjs')
const services = await ensureServices()
// Celery leaves exchanges and queues behind under names of its own: they go with the virtual host.
const vhost = ['tasks', 'predict', 'overload'].includes(name)
  ? openVhost(services.TEST_AMQP_URL, 'bench')
  : null
if (name === 'predict' || name === 'overload') prepareLoad()
const peers = name === 'predict' ? preparePeers() : {}
const { status } = spawnSync(process.execPath, [join(root, 'test', 'bench', 'dist', `${name}.js`), ...args], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    ...python.env,
    ...services,
    ...(vhost === null ? {} : { TEST_AMQP_URL: vhost.url }),
    ...peers,
    CELERIAC_PYTHON: python.python,
  },
})
vhost?.close()
process.exit(status ?? 1)

function fail(problem) {
  console.error(problem)
  process.exit(2)
}

/** What the program says of itself at its top: nothing to be kept the same in two places. */
function usageOf(program) {
  const source = readFileSync(join(root, 'test', 'bench', 'src', `${program}.ts`), 'utf8')
  const [, comment = ''] = /^\/\*\*\n(.*?)\n \*\//s.exec(source) ?? []
  return comment.replaceAll(/^ \* ?/gm, '')
}

/** The load generator, which nothing else needs. */
function prepareLoad() {
  const load = join(root, 'test', 'bench', 'load')
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: load,
    stdio: ['ignore', 2, 2],
  })
}

/** FastAPI and Celery with scikit-learn. */
function preparePeers() {
  const requirements = join(root, 'test', 'bench', 'python', 'predict-requirements.txt')
  return { BENCH_PEER_PYTHON: ensureSuiteEnvironment(requirements, { name: 'bench-predict' }) }
}
