import { datasetSchema, type DatasetView } from '@celeriac/contracts/http'
import { createWriteStream, existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ApiClient } from '../client/api-client.ts'
import { CliFault } from '../cli-fault.ts'
import type { Io } from '../io.ts'
import { creditDefaultCsv } from './credit-default.ts'
import { uploadDataset } from './upload-dataset.ts'

/** The operators of the example DAG call the target so. */
const rename = ['default.payment.next.month:next_month']
const synthetic = { rows: 30_000, seed: 1 }

/**
 * Makes sure that data set `id` holds credit default data. One that is there is kept; else the real file is uploaded;
 * where that is absent, a synthetic table, whose name and a line on standard error say what it is.
 */
export async function provideCreditDefault(
  client: ApiClient,
  source: { readonly file: string; readonly id: number },
  io: Io,
): Promise<DatasetView> {
  const { file, id } = source
  const present = await findDataset(client, id)
  if (present !== null) {
    io.err(`data set ${id} is there already: ${present.name}`)
    return present
  }
  if (existsSync(file)) {
    io.err(`uploading the real data from ${file}`)
    return uploadDataset(client, file, { id, name: 'credit-default', rename })
  }
  io.err(
    `${file} is not there: uploading ${synthetic.rows} synthetic rows; no number measured on them is real`,
  )
  const directory = await mkdtemp(join(tmpdir(), 'celeriac-'))
  try {
    const table = join(directory, 'credit-default-synthetic.csv')
    await pipeline(Readable.from(creditDefaultCsv(synthetic)), createWriteStream(table))
    return await uploadDataset(client, table, { id, rename })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Null when there is none with this id. */
export async function findDataset(client: ApiClient, id: number): Promise<DatasetView | null> {
  try {
    return await client.get(`/api/v1/datasets/${id}`, datasetSchema)
  } catch (error) {
    if (error instanceof CliFault && error.reason === 'notFound') return null
    throw error
  }
}
