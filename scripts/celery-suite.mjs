// `npm run test:celery-suite -- CHECKOUT [options]`: runs the integration tests of a Celery checkout against the worker of
// this repository and says, subset by subset, which pass. Nothing of Celery is kept here: its tests and its client are read
// from the checkout; its requirements go to an environment below .cache.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ensureSuiteEnvironment } from './celery-suite/python.mjs'
import { formatReport, judge } from './celery-suite/report.mjs'
import { openVhost, startRedis } from './celery-suite/services.mjs'
import { build, ensurePackages, root } from './install.mjs'

const usage = `npm run test:celery-suite -- CHECKOUT [options]

Runs the integration tests of a checkout of github.com/celery/celery against a worker.

  --backend redis|rpc         result backend of the tests (default: redis)
  --subset A,B,C,D,E,rest|all subsets to run (default: A,B,C,D,E); test/interop/celery-suite/subsets.json lists them
  --worker celeriac|python    the worker under test; python is Celery's own, in a process beside the tests, for
                              comparison (default: celeriac)
  --pool inline|thread|child  where our worker runs the tasks (default: inline)
  -k EXPRESSION               further selection, as pytest has it
  --no-build                  do not compile first
  --help

Exit code: 0 when every test passes that is not listed in cannot-pass.json, 1 when one fails, 2 for wrong usage.
Output of the worker, and a line per test: .cache/celery-suite/WORKER-BACKEND/`

const suite = join(root, 'test', 'interop', 'celery-suite')
const files = ['test_tasks.py', 'test_canvas.py', 'test_inspect.py', 'test_worker.py']
const subsets = readJson(join(suite, 'subsets.json'))

const { checkout, values } = readArguments()
const run = join(root, '.cache', 'celery-suite', `${values.worker}-${values.backend}`)
ensurePackages()
if (!values['no-build']) build()
const python = ensureSuiteEnvironment(join(suite, 'requirements.txt'))
const { ensureServices } = await import('./services.mjs')
const { TEST_AMQP_URL: amqpUrl } = await ensureServices()
const redis = await startRedis()
const vhost = openVhost(amqpUrl)
let exitCode = 1
try {
  exitCode = runSuite()
} finally {
  vhost.close()
  await redis.stop()
}
process.exit(exitCode)

function runSuite() {
  rmSync(run, { recursive: true, force: true })
  mkdirSync(run, { recursive: true })
  const reportFile = join(run, 'tests.jsonl')
  const selection = join(run, 'selection.txt')
  const isWhole = values.subset.includes('rest')
  const tests = isWhole ? files : values.subset.flatMap((name) => subsets[name])
  writeFileSync(selection, tests.map((test) => `t/integration/${test}\n`).join(''))
  const options = [
    '-p',
    'celery.contrib.pytest',
    '-p',
    'celeriac_worker',
    '-p',
    'no:cacheprovider',
    '-q',
    '--tb=short',
  ]
  const { status } = spawnSync(
    python,
    ['-m', 'pytest', ...options, ...(values.k === undefined ? [] : ['-k', values.k]), `@${selection}`],
    {
      cwd: checkout,
      stdio: 'inherit',
      env: {
        ...process.env,
        PYTHONPATH: [checkout, join(suite, 'python')].join(':'),
        PYTHONDONTWRITEBYTECODE: '1',
        TEST_BROKER: vhost.url,
        TEST_BACKEND: values.backend === 'rpc' ? 'rpc' : `redis://127.0.0.1:${redis.port}/0`,
        REDIS_HOST: '127.0.0.1',
        REDIS_PORT: String(redis.port),
        CELERY_SUITE_WORKER: JSON.stringify(workerCommand()),
        CELERY_SUITE_LOG: join(run, 'worker.log'),
        CELERY_SUITE_REPORT: reportFile,
      },
    },
  )
  if (!existsSync(reportFile)) {
    console.error(`pytest ran no test (exit code ${status})`)
    return 1
  }
  const results = readFileSync(reportFile, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const verdict = judge({
    results,
    subsets,
    wanted: values.subset,
    exceptions: readJson(join(suite, 'cannot-pass.json')),
    backend: values.backend,
    worker: values.worker,
  })
  console.log(formatReport(verdict, { worker: values.worker, backend: values.backend }))
  // pytest says 1 for failed tests, which are judged here, and more for a run that broke off.
  return verdict.faults.length > 0 || (status !== 0 && status !== 1) ? 1 : 0
}

/** The node name is the one that the tests ask for; the plugin puts it in. */
function workerCommand() {
  if (values.worker === 'python') {
    const quiet = ['--without-gossip', '--without-mingle', '--without-heartbeat']
    return [python, '-m', 'celery', '-A', 'reference_app', 'worker', '-n', '{nodename}', '-c', '1', ...quiet]
  }
  const celeriac = [process.execPath, join(root, 'apps', 'cli', 'bin', 'celeriac.mjs'), 'worker']
  const tasks = [
    '--import',
    join(suite, 'dist', 'tasks.js'),
    '-Q',
    'celery',
    '-c',
    '1',
    '--pool',
    values.pool,
  ]
  const place = ['--amqp-url', vhost.url, '--data-dir', join(run, 'data'), '--http-port', '0']
  return [...celeriac, ...tasks, ...place, '--name', '{nodename}', '--log-level', 'debug']
}

function readArguments() {
  const fail = (message) => {
    console.error(`${message}\n\n${usage}`)
    process.exit(2)
  }
  let parsed
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        backend: { type: 'string', default: 'redis' },
        subset: { type: 'string', default: 'A,B,C,D,E' },
        worker: { type: 'string', default: 'celeriac' },
        pool: { type: 'string', default: 'inline' },
        k: { type: 'string', short: 'k' },
        'no-build': { type: 'boolean' },
        help: { type: 'boolean' },
      },
    })
  } catch (error) {
    fail(error.message)
  }
  const { values: given, positionals } = parsed
  if (given.help) {
    console.log(usage)
    process.exit(0)
  }
  const [path] = positionals
  if (path === undefined || positionals.length > 1) fail('one checkout of Celery is expected')
  if (!existsSync(join(path, 't', 'integration', 'tasks.py')))
    fail(`${path} has no t/integration/tasks.py: it is no checkout of Celery`)
  if (!['redis', 'rpc'].includes(given.backend)) fail('--backend takes redis or rpc')
  if (!['inline', 'thread', 'child'].includes(given.pool)) fail('--pool takes inline, thread or child')
  if (!['celeriac', 'python'].includes(given.worker)) fail('--worker takes celeriac or python')
  const known = [...Object.keys(subsets), 'rest']
  const subset = given.subset === 'all' ? known : given.subset.split(',')
  const unknown = subset.find((name) => !known.includes(name))
  if (unknown !== undefined) fail(`there is no subset ${unknown}; there are: ${known.join(', ')}, all`)
  return { checkout: resolve(path), values: { ...given, subset } }
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'))
}
