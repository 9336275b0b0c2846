import { loadExecutor } from '@celeriac/executors'
import { builtinAlgorithmsDir, fileUrlOf, silentLogger } from '@celeriac/runtime'
import { exerciseExecutor, operatorAttempts } from '@celeriac/testkit'
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const script = resolve(import.meta.dirname, '../../scripts/python-env.mjs')
const found = execFileSync(process.execPath, [script, '--json'], { encoding: 'utf8' })
const python = {
  command: (JSON.parse(found) as { python: string }).python,
  env: { PATH: process.env['PATH'] ?? '', PYTHONPATH: resolve(builtinAlgorithmsDir(), '../..') },
}

exerciseExecutor('of the example', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'own-executor-'))
  return {
    executor: await loadExecutor(
      join(import.meta.dirname, 'command-executor.js'),
      { name: 'slow', concurrency: 2, logger: silentLogger(), python },
      { graceMs: 1_000 },
    ),
    attempts: operatorAttempts(fileUrlOf(directory)),
    close: () => rm(directory, { recursive: true, force: true }),
  }
})
