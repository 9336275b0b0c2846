// The programs of the servers that outage and chaos tests start for themselves, and the library that sets clocks for
// them: installed, else by apt-get (root on Debian), else a message with the command to run. Prints nothing when all is there.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const inPath = (name) =>
  (process.env.PATH ?? '').split(delimiter).some((directory) => existsSync(join(directory, name)))
const inVersions = (directory, ...rest) =>
  existsSync(directory) && readdirSync(directory).some((name) => existsSync(join(directory, name, ...rest)))

const needed = [
  {
    package: 'rabbitmq-server',
    isThere: () => existsSync('/usr/lib/rabbitmq/bin/rabbitmq-server') || inPath('rabbitmq-server'),
  },
  {
    package: 'postgresql',
    isThere: () => inVersions('/usr/lib/postgresql', 'bin', 'initdb') || inPath('initdb'),
  },
  {
    package: 'faketime',
    isThere: () => inVersions('/usr/lib', 'faketime') || existsSync('/usr/lib/faketime'),
  },
]

export function ensureOwnServices({ log = console.error } = {}) {
  const missing = needed.filter(({ isThere }) => !isThere())
  if (missing.length === 0) return
  const names = missing.map((each) => each.package)
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) fail(names, 'not installed')
  log(`Installing ${names.join(', ')} (apt-get install) …`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const run = (...args) => spawnSync('apt-get', args, { stdio: ['ignore', 2, 2], env }).status === 0
  const isInstalled = run('update', '-qq') && run('install', '-y', '-qq', '--no-install-recommends', ...names)
  if (!isInstalled || missing.some(({ isThere }) => !isThere())) fail(names, 'could not be installed')
}

function fail(names, what) {
  console.error(`Tests that break servers of their own need ${names.join(', ')}: ${what}.`)
  console.error(`Install it with:\n  sudo apt-get install ${names.join(' ')}`)
  process.exit(69)
}
