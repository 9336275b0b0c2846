// Finds Prometheus for the tests: `promtool` and `prometheus` on the PATH, then those unpacked below .cache by an earlier
// run, then Debian's package, else a message with the command to run. The package is unpacked, not installed: its service
// must not start on the machine of whoever runs the tests. `node scripts/prometheus.mjs` prints where they are.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './install.mjs'

const cache = join(root, '.cache', 'prometheus')

/**
 * @param {{ log?: (line: string) => void }} [options]
 * @returns {{ promtool: string, prometheus: string }} commands that start
 * @throws {Error} with the command to run, where there is no Prometheus and it cannot be fetched
 */
export function ensurePrometheus({ log = console.error } = {}) {
  const found = findIn('') ?? findIn(join(cache, 'usr', 'bin'))
  if (found) return found
  log('Fetching Prometheus (apt-get download prometheus) …')
  const fault = unpackPackage()
  const fetched = findIn(join(cache, 'usr', 'bin'))
  if (fetched) return fetched
  throw new Error(
    `Prometheus is not installed, and Debian's package could not be fetched: ${fault ?? 'it does not start'}\n` +
      'Install it with:\n  sudo apt-get install --no-install-recommends prometheus\n' +
      'or put `promtool` and `prometheus` of any 2.x release on the PATH.',
  )
}

function findIn(directory) {
  const commands = { promtool: join(directory, 'promtool'), prometheus: join(directory, 'prometheus') }
  const works = Object.values(commands).every((command) => run(command, ['--version']) === null)
  return works ? commands : null
}

/** Null, or what went wrong. Several at once are harmless: each unpacks for itself and one rename wins. */
function unpackPackage() {
  mkdirSync(join(root, '.cache'), { recursive: true })
  const draft = mkdtempSync(join(root, '.cache', 'prometheus-'))
  try {
    const isRoot = process.getuid?.() === 0
    const updated = isRoot ? run('apt-get', ['update', '-qq']) : null // lists may be old, absent, or just right
    const downloaded = run(
      'apt-get',
      ['download', '-qq', '-o', 'APT::Sandbox::User=root', 'prometheus'],
      draft,
    )
    if (downloaded !== null) return updated ?? downloaded
    const [file] = readdirSync(draft)
    const unpacked = run('dpkg-deb', ['--extract', join(draft, file), join(draft, 'package')])
    if (unpacked !== null) return unpacked
    rmSync(cache, { recursive: true, force: true })
    renameSync(join(draft, 'package'), cache)
    return null
  } catch (error) {
    return error.message
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

/** Null when the command ended well, else what it said. */
function run(command, args, cwd = root) {
  const { status, error, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  return status === 0 ? null : (error?.message ?? stderr.trim().split('\n').at(-1))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const [name, command] of Object.entries(ensurePrometheus())) console.log(`${name}: ${command}`)
}
