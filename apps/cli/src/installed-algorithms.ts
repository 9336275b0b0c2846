import type { AlgorithmCatalog } from '@celeriac/contracts'
import { builtinAlgorithmsDir, loadAlgorithms } from '@celeriac/runtime'
import { delimiter } from 'node:path'
import { processEnv } from './config.ts'

/** The algorithms of this machine: built-in ones and those of CELERIAC_ALGORITHMS_DIR. Throws CONFIG_INVALID. */
export function installedAlgorithms(
  own: string | null = processEnv()['CELERIAC_ALGORITHMS_DIR'] ?? null,
): Promise<AlgorithmCatalog> {
  const directories = (own ?? '').split(delimiter).filter((directory) => directory !== '')
  return loadAlgorithms([builtinAlgorithmsDir(), ...directories])
}
