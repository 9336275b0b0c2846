// Finds tmux for the tests that look at a real terminal: on the PATH, else by apt-get (root on Debian), else a message with
// the command to run. Prints nothing when it is there.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const install = ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'tmux']

export function ensureTerminal({ log = console.error } = {}) {
  if (hasTmux()) return
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) fail('tmux is not installed.')
  log('Installing tmux (apt-get install tmux) …')
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const run = ([command, ...args]) => spawnSync(command, args, { stdio: ['ignore', 2, 2], env }).status === 0
  if (!(run(['apt-get', 'update', '-qq']) && run(install) && hasTmux())) fail('tmux could not be installed.')
}

const hasTmux = () => spawnSync('tmux', ['-V']).status === 0

function fail(message) {
  console.error(`${message}\nInstall it with:\n  sudo apt-get install tmux`)
  process.exit(69)
}
