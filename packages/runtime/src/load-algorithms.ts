import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import {
  type AlgorithmCatalog,
  type AlgorithmManifest,
  checkManifest,
  createAlgorithmCatalog,
  type ManifestCheckOptions,
} from '@celeriac/contracts'
import { AppError, type JsonObject, messageOf } from '@celeriac/core'

/** Directory of the built-in algorithms: the sources of the Python package beside this one. */
export const builtinAlgorithmsDir = (): string =>
  resolve(import.meta.dirname, '../../operators/src/celeriac/algorithms')

interface ManifestFault extends JsonObject {
  readonly file: string
  readonly path: string
  readonly message: string
}

/** As in Python's registry: other JSON files may lie beside the manifests. */
const isManifestFile = (name: string): boolean => name.startsWith('algo_') && name.endsWith('.json')

/**
 * Reads the manifests (`<algo_name>.json`) of these directories. Earlier directories win, as in Python's registry.
 * Throws CONFIG_INVALID with every fault in `details.problems`.
 */
export async function loadAlgorithms(directories: readonly string[]): Promise<AlgorithmCatalog> {
  const manifests: AlgorithmManifest[] = []
  const faults: ManifestFault[] = []
  for (const directory of directories) {
    // The tests of contracts compile all that are built in.
    const options = { compileLater: resolve(directory) === builtinAlgorithmsDir() }
    for (const file of await manifestFiles(directory, faults)) {
      const manifest = await readManifest(file, options, faults)
      if (manifest !== null) manifests.push(manifest)
    }
  }
  if (faults.length > 0) {
    throw new AppError('CONFIG_INVALID', 'algorithm manifests have faults', { details: { problems: faults } })
  }
  return createAlgorithmCatalog(manifests)
}

async function manifestFiles(directory: string, faults: ManifestFault[]): Promise<readonly string[]> {
  try {
    const names = await readdir(directory)
    return names
      .filter(isManifestFile)
      .toSorted()
      .map((name) => join(directory, name))
  } catch (error) {
    faults.push({ file: directory, path: '', message: messageOf(error) })
    return []
  }
}

async function readManifest(
  file: string,
  options: ManifestCheckOptions,
  faults: ManifestFault[],
): Promise<AlgorithmManifest | null> {
  let content: unknown
  try {
    content = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    faults.push({ file, path: '', message: messageOf(error) })
    return null
  }
  const checked = checkManifest(content, options)
  if (!checked.ok) {
    faults.push(...checked.problems.map(({ path, message }) => ({ file, path, message })))
    return null
  }
  if (!file.endsWith(`/${checked.manifest.algo_name}.json`)) {
    faults.push({
      file,
      path: 'algo_name',
      message: `must be the file's name, got ${checked.manifest.algo_name}`,
    })
    return null
  }
  return checked.manifest
}
