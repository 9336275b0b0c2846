import { builtinAlgorithmsDir } from '@celeriac/runtime'
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.resolve(fileURLToPath(new URL('../../../..', import.meta.url)))

/** Runs a script of this folder with our operators on its path; returns the JSON lines it printed. */
export function jsonLinesOf(script: string, ...args: readonly string[]): unknown[] {
  const options = { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 } as const
  const found = execFileSync(process.execPath, [path.join(root, 'scripts/python-env.mjs'), '--json'], options)
  const { python } = JSON.parse(found) as { python: string }
  const printed = execFileSync(python, [fileURLToPath(new URL(script, import.meta.url)), ...args], {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '',
      PYTHONPATH: path.resolve(builtinAlgorithmsDir(), '../..'),
      PYTHONDONTWRITEBYTECODE: '1',
    },
  })
  return printed
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
}
