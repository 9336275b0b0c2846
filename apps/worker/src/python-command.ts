import { builtinAlgorithmsDir } from '@celeriac/runtime'
import type { PythonCommand } from '@celeriac/executors'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { inheritedEnvironment } from './config.ts'

const stampSchema = z.looseObject({ python: z.string().min(1) })

/**
 * How the Python processes are started. The interpreter: the one that the configuration names, else the one of the
 * project's environment (as `scripts/python-env.mjs` recorded it), else `python3`. The package `celeriac` is found by
 * PYTHONPATH, so that any interpreter with the scientific stack will do.
 */
export async function pythonCommand(config: {
  readonly python: string | null
  readonly algorithmsDir: string | null
}): Promise<PythonCommand> {
  const sources = path.resolve(builtinAlgorithmsDir(), '../..')
  const inherited = inheritedEnvironment()
  const searched = [sources, inherited['PYTHONPATH']].filter((entry) => entry !== undefined && entry !== '')
  return {
    command: config.python ?? (await recordedPython(path.resolve(sources, '../../..'))) ?? 'python3',
    env: {
      ...inherited,
      PYTHONPATH: searched.join(path.delimiter),
      ...(config.algorithmsDir === null ? {} : { CELERIAC_ALGORITHMS_DIR: config.algorithmsDir }),
    },
  }
}

async function recordedPython(root: string): Promise<string | null> {
  try {
    const stamp = await readFile(path.join(root, '.venv/.celeriac-stamp.json'), 'utf8')
    return stampSchema.parse(JSON.parse(stamp)).python
  } catch {
    return null // the environment was not made by the script
  }
}
