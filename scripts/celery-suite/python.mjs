// Python environments beside the project's: `.cache/NAME/venv`, made once for each requirements file. `celery-suite` is that
// of Celery's integration suite.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../install.mjs'

/** @returns {string} the interpreter; throws when pip cannot install what is required */
export function ensureSuiteEnvironment(requirements, { name = 'celery-suite', log = console.error } = {}) {
  const venv = join(root, '.cache', name, 'venv')
  const python = join(venv, 'bin', 'python')
  const stamp = join(venv, '.celeriac-requirements')
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return python
  log(`Making the Python environment ${name} …`)
  rmSync(venv, { recursive: true, force: true })
  mkdirSync(join(venv, '..'), { recursive: true })
  const run = (file, args) => execFileSync(file, args, { stdio: ['ignore', 2, 2] })
  run(process.env.CELERIAC_PYTHON ?? 'python3', ['-m', 'venv', venv])
  run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements])
  writeFileSync(stamp, wanted)
  return python
}
