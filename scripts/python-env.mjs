/**
 * The project's Python environment.
 *
 * `.venv` at the repository root is made from `packages/operators/requirements.lock` (and, with `--test`,
 * `requirements-test.lock`). Where packages cannot be fetched, an interpreter that already has the scientific
 * stack is used instead.
 *
 * Concurrency: one builder at a time, guarded by the directory `.venv.lock` (mkdir is atomic; the lock of a dead
 * process is taken over). The stamp file is removed before the environment is touched and written last by an atomic
 * rename, so a stamp that matches the lock files always stands for a finished environment. A reader with a matching
 * stamp needs no lock: that is the fast path (two small files read).
 *
 *   node scripts/python-env.mjs [--test] [--json]
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'

const MINIMUM = { python: '3.11', scikit_learn: '1.2' }
const LOCK_POLL_MS = 200
const LOCK_REFRESH_MS = 5_000
const LOCK_STALE_MS = 60_000 // a live builder refreshes its lock every 5 s
const INSTALL_TIMEOUT_MS = 15 * 60_000

const PROBE = `
import importlib.metadata, json, sys
def version(name):
    try: return importlib.metadata.version(name)
    except Exception: return None
names = ("scikit-learn", "pandas", "pyarrow", "numpy", "joblib", "pytest", "jsonschema", "hypothesis")
out = {n.replace("-", "_"): version(n) for n in names}
out["python"] = "%d.%d.%d" % sys.version_info[:3]
out["executable"] = sys.executable
print(json.dumps(out))
`

/** An environment could not be made; `message` says what was tried and which command to run. */
export class PythonEnvError extends Error {
  name = 'PythonEnvError'
}

/**
 * Makes sure a usable Python exists and tells where.
 *
 * @param {{ root?: string, log?: (line: string) => void, test?: boolean }} [options]
 *   `root`: repository root (default: the one this file is in); `test`: also install the test requirements.
 * @returns {Promise<{ python: string, source: 'venv' | 'system', versions: Record<string, string | null>,
 *   env: Record<string, string> }>} `env` is to be merged into the environment of the process that is started
 *   (PYTHONPATH for a system interpreter; empty for the venv).
 * @throws {PythonEnvError}
 */
export async function ensurePython({ root = repositoryRoot(), log = () => {}, test = false } = {}) {
  const layout = await readLayout(root, test)
  const ready = await readStamp(layout, test)
  if (ready) return ready
  const release = await acquireLock(layout.lockDir, log)
  try {
    return (await readStamp(layout, test)) ?? (await build(layout, test, log))
  } finally {
    await release()
  }
}

function repositoryRoot() {
  return path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
}

async function readLayout(root, test) {
  const operators = path.join(root, 'packages', 'operators')
  const requirements = [path.join(operators, 'requirements.lock')]
  if (test) requirements.push(path.join(operators, 'requirements-test.lock'))
  const hashes = {}
  for (const file of requirements) {
    hashes[path.basename(file)] = createHash('sha256')
      .update(await readFile(file))
      .digest('hex')
  }
  const venv = path.join(root, '.venv')
  const windows = process.platform === 'win32'
  return {
    root,
    requirements,
    hashes,
    venv,
    sources: path.join(operators, 'src'),
    python: windows ? path.join(venv, 'Scripts', 'python.exe') : path.join(venv, 'bin', 'python'),
    marker: path.join(venv, '.celeriac-venv'),
    stamp: path.join(venv, '.celeriac-stamp.json'),
    lockDir: path.join(root, '.venv.lock'),
  }
}

/** The interpreter that the user wants; null when there is no wish, or it is the environment itself (scripts pass it on). */
function askedFor({ python }) {
  const wanted = process.env.CELERIAC_PYTHON
  return wanted && path.resolve(wanted) !== python ? wanted : null
}

/** The environment the stamp describes when it matches the lock files and its interpreter exists, else null. */
async function readStamp(layout, test) {
  try {
    const stamp = JSON.parse(await readFile(layout.stamp, 'utf8'))
    const matches = Object.entries(layout.hashes).every(([file, hash]) => stamp.hashes[file] === hash)
    if (!matches || (test && !stamp.versions.pytest)) return null
    if (stamp.sources !== layout.sources) return null // the repository was moved
    if ((stamp.asked_for ?? null) !== askedFor(layout)) return null
    await access(stamp.python)
    return toResult(layout, stamp)
  } catch {
    return null // absent, unreadable or foreign: build
  }
}

function toResult(layout, { python, source, versions }) {
  const env = source === 'system' ? { PYTHONPATH: layout.sources } : {}
  return { python, source, versions, env }
}

async function writeStamp(layout, source, versions) {
  const python = source === 'venv' ? layout.python : versions.executable
  const previous = await readFile(layout.stamp, 'utf8').then(JSON.parse, () => null)
  const stamp = {
    hashes: { ...previous?.hashes, ...layout.hashes },
    source,
    python,
    sources: layout.sources,
    asked_for: askedFor(layout),
    versions,
  }
  await mkdir(layout.venv, { recursive: true })
  const draft = `${layout.stamp}.${process.pid}`
  await writeFile(draft, `${JSON.stringify(stamp, null, 2)}\n`)
  await rename(draft, layout.stamp)
  return toResult(layout, stamp)
}

async function build(layout, test, log) {
  const candidates = await findInterpreters(askedFor(layout))
  const suitable = candidates.filter(({ versions }) => atLeast(versions.python, MINIMUM.python))
  if (suitable.length === 0) {
    const seen = candidates.map(({ versions }) => `${versions.executable} is ${versions.python}`).join(', ')
    throw new PythonEnvError(
      `no Python >= ${MINIMUM.python} found${seen ? ` (${seen})` : ''}; install one, or name it: ` +
        'CELERIAC_PYTHON=/path/to/python3 node scripts/python-env.mjs',
    )
  }
  const failures = []
  for (const { versions } of suitable.slice(0, 2)) {
    try {
      return await installVenv(layout, versions, log)
    } catch (error) {
      failures.push(`${versions.executable}: ${error.message}`)
      log(`python: no venv with ${versions.executable}: ${error.message}`)
    }
  }
  const equipped = suitable.find(({ versions }) => isEquipped(versions, test))
  if (equipped) {
    const { versions } = equipped
    log(
      `python: packages could not be fetched; using ${versions.executable} with scikit-learn ` +
        `${versions.scikit_learn}, pandas ${versions.pandas}, pyarrow ${versions.pyarrow} ` +
        '(delete .venv to try again)',
    )
    if (await exists(layout.marker)) await rm(layout.venv, { recursive: true, force: true })
    return writeStamp(layout, 'system', versions)
  }
  const files = layout.requirements.map((file) => `-r ${path.relative(layout.root, file)}`).join(' ')
  throw new PythonEnvError(
    `the Python environment could not be made, and no interpreter has scikit-learn >= ${MINIMUM.scikit_learn}, ` +
      `pandas and pyarrow${test ? ' with pytest, jsonschema and hypothesis' : ''}.\n` +
      failures.map((line) => `  ${line}`).join('\n') +
      `\nWith access to a package index run (in ${layout.root}):\n` +
      `  ${suitable[0].versions.executable} -m venv .venv && ${path.relative(layout.root, layout.python)} -m pip install ${files}\n` +
      'and then: node scripts/python-env.mjs',
  )
}

async function installVenv(layout, base, log) {
  const isOurs = await exists(layout.marker)
  const existing = await probe(layout.python)
  const sameBase = existing && existing.python === base.python
  const previous = await readFile(layout.stamp, 'utf8').then(JSON.parse, () => null)
  const isFinished = previous?.source === 'venv' && previous.sources === layout.sources
  await rm(layout.stamp, { force: true })
  if (isOurs && !(sameBase && isFinished)) await rm(layout.venv, { recursive: true, force: true })
  if (!(await exists(layout.python))) {
    log(`python: making ${layout.venv} with ${base.executable} (${base.python})`)
    await mkdir(layout.venv, { recursive: true })
    await writeFile(layout.marker, 'made by scripts/python-env.mjs; safe to delete\n') // before: it may be cut short
    await run(base.executable, ['-m', 'venv', layout.venv])
  }
  log(`python: installing ${layout.requirements.map((file) => path.basename(file)).join(', ')}`)
  const pip = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--no-input',
    '--retries',
    '2',
  ]
  const files = layout.requirements.flatMap((file) => ['-r', file])
  await run(layout.python, [...pip, '--only-binary', ':all:', ...files])
  const purelib = await run(layout.python, ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'])
  await writeFile(path.join(purelib.trim(), 'celeriac.pth'), `${layout.sources}\n`)
  const versions = await probe(layout.python)
  if (!versions?.scikit_learn) throw new Error('pip succeeded but scikit-learn is not importable')
  return writeStamp(layout, 'venv', versions)
}

function isEquipped(versions, test) {
  const stack = atLeast(versions.scikit_learn, MINIMUM.scikit_learn) && versions.pandas && versions.pyarrow
  return Boolean(stack && (!test || (versions.pytest && versions.jsonschema && versions.hypothesis)))
}

/** Every distinct interpreter on this machine that starts, in order of preference. */
async function findInterpreters(asked) {
  const names = ['python3.11', 'python3.12', 'python3.13', 'python3', '/usr/bin/python3']
  const found = []
  for (const name of asked ? [asked] : names) {
    const versions = await probe(name)
    const known = found.some((other) => other.versions.executable === versions?.executable)
    if (versions && !known) found.push({ name, versions })
  }
  if (asked && found.length === 0) {
    throw new PythonEnvError(`CELERIAC_PYTHON=${asked} does not start as a Python interpreter`)
  }
  return found
}

async function probe(python) {
  try {
    return JSON.parse(await run(python, ['-I', '-c', PROBE], 30_000))
  } catch {
    return null // not there, or a shim for a version that is not installed
  }
}

function run(file, args, timeoutMs = INSTALL_TIMEOUT_MS) {
  return new Promise((resolve, reject) => {
    execFile(file, args, { timeout: timeoutMs, maxBuffer: 16 << 20 }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout)
      const lines = `${stderr || stdout}`.trim().split('\n').slice(-3).join(' | ')
      reject(new Error(lines || error.message, { cause: error }))
    })
  })
}

function atLeast(version, minimum) {
  if (!version) return false
  const [a, b] = [version, minimum].map((text) => text.split('.').map((part) => Number.parseInt(part, 10)))
  return a[0] > b[0] || (a[0] === b[0] && a[1] >= b[1])
}

async function exists(file) {
  return access(file).then(
    () => true,
    () => false,
  )
}

/** Waits for the builder's lock; returns the function that gives it back. */
async function acquireLock(lockDir, log) {
  for (let told = false; ;) {
    try {
      await mkdir(lockDir)
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    const held = await stat(lockDir).catch(() => null)
    if (held && Date.now() - held.mtimeMs > LOCK_STALE_MS) {
      // Whoever wins the rename removes it; the others find it gone and try again.
      const grave = `${lockDir}.stale-${process.pid}`
      await rename(lockDir, grave).then(
        () => rm(grave, { recursive: true, force: true }),
        () => {},
      )
      continue
    }
    if (!told) log('python: waiting for another process that makes the environment')
    told = true
    await delay(LOCK_POLL_MS)
  }
  const timer = setInterval(() => {
    utimes(lockDir, new Date(), new Date()).catch(() => {})
  }, LOCK_REFRESH_MS)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await rm(lockDir, { recursive: true, force: true })
  }
}

async function main() {
  const flags = new Set(process.argv.slice(2))
  const started = performance.now()
  const log = (line) => process.stderr.write(`${line}\n`)
  const result = await ensurePython({ log, test: flags.has('--test') })
  if (flags.has('--json')) {
    process.stdout.write(`${JSON.stringify(result)}\n`)
    return
  }
  const { python, source, versions } = result
  const stack = ['python', 'scikit_learn', 'pandas', 'pyarrow'].map((name) => `${name} ${versions[name]}`)
  process.stdout.write(
    `${python} (${source}): ${stack.join(', ')}, ${Math.round(performance.now() - started)} ms\n`,
  )
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch((error) => {
    process.stderr.write(`${error instanceof PythonEnvError ? error.message : error.stack}\n`)
    process.exitCode = 1
  })
}
