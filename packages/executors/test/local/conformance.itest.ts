import { builtinAlgorithmsDir, fileUrlOf, silentLogger } from '@celeriac/runtime'
import { exerciseExecutor, operatorAttempts } from '@celeriac/testkit'
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createLocalExecutor } from '../../src/index.ts'

const script = resolve(import.meta.dirname, '../../../../scripts/python-env.mjs')
const { python: command } = JSON.parse(
  execFileSync(process.execPath, [script, '--json'], { encoding: 'utf8' }),
) as { python: string }
const env = { PATH: process.env['PATH'] ?? '', PYTHONPATH: resolve(builtinAlgorithmsDir(), '../..') }

exerciseExecutor('local', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'celeriac-executor-'))
  return {
    executor: createLocalExecutor({
      python: { command, env },
      poolSize: 3,
      logger: silentLogger(),
      limits: { cancelGraceMs: 1_000 },
    }),
    attempts: operatorAttempts(fileUrlOf(directory)),
    close: () => rm(directory, { recursive: true, force: true }),
  }
})
