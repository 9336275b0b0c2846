// Installs the npm packages of the lock file where they are missing or older than it. Plain Node: runs before any
// package exists. `node scripts/install.mjs` by itself is the whole installation of the JavaScript part.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

export const root = join(import.meta.dirname, '..')

/** @param {{log?: (line: string) => void}} [options] */
export function ensurePackages({ log = console.error } = {}) {
  requireNode()
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  const stamp = join(root, 'node_modules', '.celeriac-lock')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  log('Installing npm packages (npm ci) …')
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root, stdio: ['ignore', 2, 2] })
  writeFileSync(stamp, lock)
}

/** Compiles what changed since the last build. */
export function build({ log = console.error } = {}) {
  const startedAt = Date.now()
  execFileSync(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (Date.now() - startedAt > 3_000) log(`Built in ${((Date.now() - startedAt) / 1_000).toFixed(1)} s`)
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  console.error(`Celeriac needs Node.js 20.19 or newer; this is ${process.versions.node}.`)
  process.exit(69)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) ensurePackages()
