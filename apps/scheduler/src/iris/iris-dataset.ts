import { createHash } from 'node:crypto'
import type { IrisRow, Store } from '@celeriac/core'
import type { ArtifactLayout } from '@celeriac/runtime'
import { receiveFile } from '../datasets/dataset-files.ts'
import { irisCsv, irisMeasures } from './iris-rows.ts'

export interface IrisDatasetDeps {
  readonly store: Pick<Store, 'findIrisDataset' | 'keepIrisDataset' | 'findDatasets' | 'createDataset'>
  readonly artifacts: ArtifactLayout
  readonly newId: () => string
}

/**
 * The data set that holds exactly these rows, so that messages carry its number and not the rows. The same rows again are
 * the same data set, unless somebody has put another file under its number. Throws STORE_FULL, STORE_UNAVAILABLE.
 */
export async function irisDataset(rows: readonly IrisRow[], deps: IrisDatasetDeps): Promise<number> {
  const { store, artifacts, newId } = deps
  const content = Buffer.from(irisCsv(rows))
  const sha256 = createHash('sha256').update(content).digest('hex')
  const known = await store.findIrisDataset(sha256)
  if (known !== null) {
    const [dataset] = await store.findDatasets([known])
    if (dataset?.sha256 === sha256) return known
  }
  const file = await receiveFile(artifacts, newId())
  try {
    await file.write(content)
    const { uri } = await file.commit('csv')
    const { id } = await store.createDataset({
      name: `iris-${sha256.slice(0, 12)}`,
      format: 'csv',
      uri,
      bytes: content.length,
      rows: rows.length,
      sha256,
      rename: {},
      columns: irisMeasures.map((name) => ({ name, type: 'number', nulls: 0 })),
      replace: false,
    })
    await store.keepIrisDataset({ sha256, datasetId: id })
    return id
  } finally {
    await file.discard()
  }
}
