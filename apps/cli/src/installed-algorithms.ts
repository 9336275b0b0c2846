import type { AlgorithmCatalog } from '@celeriac/contracts'
import { builtinAlgorithmsDir, loadAlgorithms } from '@celeriac/runtime'
import { delimiter } from 'node:path'

/** The algorithms of this machine: built-in ones and those of the setting `algorithmsDir`. Throws CONFIG_INVALID. */
export function installedAlgorithms(own: string | null): Promise<AlgorithmCatalog> {
  const directories = (own ?? '').split(delimiter).filter((directory) => directory !== '')
  return loadAlgorithms([builtinAlgorithmsDir(), ...directories])
}
