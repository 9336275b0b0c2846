import { epochMs } from '../schema/columns.ts'
import { datasets } from '../schema/index.ts'

/** Columns of a data set as the port's record. */
export const datasetColumns = {
  id: datasets.id,
  name: datasets.name,
  format: datasets.format,
  uri: datasets.uri,
  bytes: datasets.bytes,
  rows: datasets.rows,
  sha256: datasets.sha256,
  rename: datasets.rename,
  columns: datasets.columns,
  createdAt: epochMs(datasets.createdAt),
}
