// `npm run lock`: writes package-lock.json anew from the package.json files alone. Plain `npm install` beside an existing
// node_modules leaves out the optional packages of other platforms, and `npm ci` then refuses the lock file.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { root } from './install.mjs'

const directory = mkdtempSync(join(tmpdir(), 'celeriac-lock-'))
try {
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*package.json', '.npmrc'], {
    cwd: root,
    encoding: 'utf8',
  })
  for (const file of files.trim().split('\n')) {
    mkdirSync(dirname(join(directory, file)), { recursive: true })
    cpSync(join(root, file), join(directory, file))
  }
  execFileSync('npm', ['install', '--package-lock-only'], { cwd: directory, stdio: ['ignore', 2, 2] })
  const lock = JSON.parse(readFileSync(join(directory, 'package-lock.json'), 'utf8'))
  // No address of a registry belongs into the repository: each machine has its own.
  for (const entry of Object.values(lock.packages))
    if (String(entry.resolved ?? '').startsWith('http')) delete entry.resolved
  writeFileSync(join(root, 'package-lock.json'), `${JSON.stringify(lock, null, 2)}\n`)
  execFileSync('npm', ['ci', '--dry-run'], { cwd: root, stdio: ['ignore', 'ignore', 2] })
} finally {
  rmSync(directory, { recursive: true, force: true })
}
