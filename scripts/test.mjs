// `npm test`: installs what is missing, finds or starts the services, runs every test and says how many passed.
// A skipped test counts as failed under CI. `--only unit|integration|e2e|interop|chaos|python` runs one part; `--large`
// the tests with large things alone, with a file of a gigabyte.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { build, ensurePackages, root } from './install.mjs'
import { ensurePrometheus } from './prometheus.mjs'
import { ensurePython } from './python-env.mjs'
import { ensureOwnServices } from './own-services.mjs'
import { ensureTerminal } from './terminal.mjs'

const projects = ['unit', 'integration', 'e2e', 'interop', 'chaos']
const { values } = parseArgs({ options: { only: { type: 'string' }, large: { type: 'boolean' } } })
if (values.only && ![...projects, 'python'].includes(values.only)) {
  console.error(`--only takes one of: ${[...projects, 'python'].join(', ')}`)
  process.exit(2)
}
const isCi = process.env.CI === 'true'
const reports = join(root, '.cache', 'reports')
rmSync(reports, { recursive: true, force: true })
mkdirSync(reports, { recursive: true })

ensurePackages()
build()
const python = await ensurePython({ root, log: console.error, test: true })
const { ensureServices } = await import('./services.mjs')
const environment = { ...process.env, ...(await ensureServices()), CELERIAC_PYTHON: python.python }
if (!values.only || values.only === 'e2e') ensureTerminal()
if (!values.only || values.only === 'chaos') ensureOwnServices()
if (!values.only || values.only === 'e2e' || values.only === 'integration') findPrometheus()

if (values.large) environment.LARGE_MB = '1024'

const total = { passed: 0, failed: 0, skipped: 0 }
/** What failed, said once more at the end: who reads only the last lines of a log must find it there. */
const failures = []
if (values.large) add(runVitest(['e2e'], 'test/e2e/large'))
else if (values.only !== 'python') add(runVitest(values.only ? [values.only] : projects))
if (!values.large && (!values.only || values.only === 'python')) add(runPytest())
const failed = total.failed + (isCi ? total.skipped : 0)
for (const { name, message } of failures) console.log(`FAILED ${name}\n${message.replace(/^/gm, '  ')}`)
if (total.skipped > 0) console.log(`${total.skipped} skipped${isCi ? ' (counted as failed)' : ''}`)
console.log(`${total.passed} passed, ${failed} failed`)
process.exit(failed > 0 || total.passed === 0 ? 1 : 0)

/** The tests of deploy/ find it by themselves; here it is fetched before they begin, or the reason told. */
function findPrometheus() {
  try {
    ensurePrometheus()
  } catch (error) {
    console.error(error.message)
    process.exit(69)
  }
}

function add(counts) {
  for (const key of Object.keys(total)) total[key] += counts[key]
}

function runVitest(names, ...files) {
  const report = join(reports, 'vitest.json')
  const args = [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--passWithNoTests']
  const { status } = spawnSync(
    process.execPath,
    [
      ...args,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...names.flatMap((name) => ['--project', name]),
      ...files,
    ],
    { cwd: root, stdio: 'inherit', env: environment },
  )
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0 }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  )
  // A file that does not load has no failed test of its own, and an unhandled error has no file.
  const brokenFiles = testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  )
  for (const file of testResults)
    for (const test of file.assertionResults)
      if (test.status === 'failed' || (isCi && test.status !== 'passed'))
        failures.push({
          name: `${relative(root, file.name)} > ${test.fullName}`,
          message: firstLines(test.failureMessages.join('\n') || test.status),
        })
  for (const file of brokenFiles)
    failures.push({ name: relative(root, file.name), message: firstLines(file.message) })
  const counted = numFailedTests + brokenFiles.length
  if (counted === 0 && status !== 0)
    failures.push({
      name: 'vitest',
      message: `ended with ${status}, though no test failed: see its unhandled errors`,
    })
  return {
    passed: numPassedTests,
    failed: counted === 0 && status !== 0 ? 1 : counted,
    skipped: numPendingTests + numTodoTests,
  }
}

function firstLines(text) {
  return text.split('\n').slice(0, 30).join('\n')
}

function runPytest() {
  const report = join(reports, 'pytest.xml')
  spawnSync(
    python.python,
    ['-m', 'pytest', '-q', '-rfE', '--no-header', `--junitxml=${report}`, 'packages/operators/tests'],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...environment, ...python.env },
    },
  )
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0 }
  const count = (name) =>
    Number(new RegExp(`<testsuite [^>]*\\b${name}="(\\d+)"`).exec(readFileSync(report, 'utf8'))?.[1] ?? 0)
  const [tests, failures, errors, skipped] = ['tests', 'failures', 'errors', 'skipped'].map(count)
  return { passed: tests - failures - errors - skipped, failed: failures + errors, skipped }
}
