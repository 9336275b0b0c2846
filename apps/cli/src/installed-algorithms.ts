import type { AlgorithmCatalog } from '@celeriac/contracts'
import { delimiter } from 'node:path'

/** The algorithms of this machine: built-in ones and those of the setting `algorithmsDir`. Throws CONFIG_INVALID. */
export async function installedAlgorithms(own: string | null): Promise<AlgorithmCatalog> {
  const { builtinAlgorithmsDir, loadAlgorithms } = await import('@celeriac/runtime')
  const directories = (own ?? '').split(delimiter).filter((directory) => directory !== '')
  return loadAlgorithms([builtinAlgorithmsDir(), ...directories])
}
