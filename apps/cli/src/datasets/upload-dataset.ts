import { datasetSchema, type DatasetView } from '@celeriac/contracts/http'
import { openAsBlob } from 'node:fs'
import { basename } from 'node:path'
import type { ApiClient } from '../client/api-client.ts'

export interface UploadFlags {
  readonly id?: number
  readonly name?: string
  readonly rename?: readonly string[]
  readonly format?: string
  readonly replace?: boolean
}

/** Streams a file to the server; nothing of it is held in memory. */
export async function uploadDataset(
  client: ApiClient,
  file: string,
  flags: UploadFlags,
): Promise<DatasetView> {
  const isParquet =
    flags.format === 'parquet' || (flags.format === undefined && /\.(parquet|pq)$/i.test(file))
  const name = flags.name ?? basename(file).replace(/\.(csv|parquet|pq)$/i, '')
  return client.post('/api/v1/datasets', datasetSchema, {
    query: {
      id: flags.id,
      name,
      rename: flags.rename,
      format: isParquet ? 'parquet' : 'csv',
      replace: flags.replace === true ? 'true' : undefined,
    },
    content: {
      type: isParquet ? 'application/vnd.apache.parquet' : 'text/csv',
      data: await openAsBlob(file),
    },
    timeoutMs: null,
  })
}
