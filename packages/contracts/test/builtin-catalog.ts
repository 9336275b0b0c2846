import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type AlgorithmCatalog, checkManifest, createAlgorithmCatalog } from '@celeriac/contracts'

const directory = resolve(import.meta.dirname, '../../operators/src/celeriac/algorithms')

/** The manifests of the built-in algorithms, read as the loader of packages/runtime reads them. */
export function builtinCatalog(): AlgorithmCatalog {
  const files = readdirSync(directory).filter((name) => name.startsWith('algo_') && name.endsWith('.json'))
  return createAlgorithmCatalog(
    files.map((file) => {
      const checked = checkManifest(JSON.parse(readFileSync(join(directory, file), 'utf8')))
      if (!checked.ok) throw new Error(`${file}: ${JSON.stringify(checked.problems)}`)
      return checked.manifest
    }),
  )
}
