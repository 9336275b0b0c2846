import { open, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { IrisTrainingView } from '@celeriac/contracts'
import { AppError } from '@celeriac/core'
import { isBelow, pathOf, type ArtifactLayout } from '@celeriac/runtime'
import { parquetReadObjects } from 'hyparquet'
import { z } from 'zod'
import { irisMeasures } from './iris-rows.ts'

/** A table of as many rows as the iris table may have takes less than a tenth of it. */
const maxTableBytes = 8 * 1_048_576

// Whole numbers of 64 bits come as bigint.
const clusterSchema = z.union([z.number(), z.bigint()]).transform(Number).pipe(z.number().int())
const rowsSchema = z.array(
  z.object({
    sepal_len: z.number(),
    sepal_width: z.number(),
    petal_len: z.number(),
    petal_width: z.number(),
    cluster: clusterSchema,
  }),
)

/**
 * The rows that were trained on, each with its cluster, as the training wrote them. The URI comes from a worker's message:
 * it must lead below the artifact root. Throws NOT_FOUND_OUTPUT when it does not, or the files have been deleted.
 */
export async function readClusters(
  uri: string,
  artifacts: ArtifactLayout,
): Promise<IrisTrainingView['result']> {
  try {
    if (!isBelow(artifacts.root, uri)) throw new Error('the path leaves the artifact store')
    const root = await realpath(pathOf(artifacts.root))
    const path = await realpath(join(pathOf(uri), 'table.parquet'))
    if (!path.startsWith(root + sep)) throw new Error('the path leaves the artifact store')
    const file = await readBounded(path)
    return rowsSchema.parse(await parquetReadObjects({ file, columns: [...irisMeasures, 'cluster'] }))
  } catch (cause) {
    throw new AppError('NOT_FOUND_OUTPUT', 'the rows of the training cannot be read; it may be too old', {
      cause,
      details: { uri },
    })
  }
}

async function readBounded(path: string): Promise<ArrayBuffer> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    if (size > maxTableBytes) throw new Error('the table is too large')
    const bytes = await file.readFile()
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
  } finally {
    await file.close()
  }
}
