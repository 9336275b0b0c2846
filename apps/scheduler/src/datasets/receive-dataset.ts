/**
 * An upload becomes a data set: streamed to disk, hashed, counted and checked in one pass, then registered.
 *
 * Order: file (durable, under its content's hash) → row. A crash in between leaves a file that no data set names; the
 * next upload of the same content takes it over. A row never names a file that is not whole.
 */
import { AppError, type DatasetColumn, type DatasetRecord, type Store } from '@celeriac/core'
import type { ArtifactLayout } from '@celeriac/runtime'
import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { CsvCheck } from './csv-check.ts'
import { receiveFile, type IncomingFile } from './dataset-files.ts'
import { datasetMalformed } from './line-problem.ts'
import { looksLikeParquet, ParquetCheck } from './parquet-check.ts'
import { parseRename, type Rename } from './rename.ts'
import { csvTypes, openUpload, parquetTypes, type UploadedFile } from './upload-parts.ts'

export interface UploadQuery {
  readonly id?: number | undefined
  readonly name?: string | undefined
  readonly rename?: readonly string[] | undefined
  readonly format?: 'csv' | 'parquet' | undefined
  readonly replace: boolean
}

export interface ReceiveDeps {
  readonly store: Store
  readonly artifacts: ArtifactLayout
  readonly newId: () => string
  readonly maxDatasetBytes?: number
}

const defaultMaxBytes = 4 * 1024 ** 3
/** An upload may take as long as it likes, but not stand still. */
const stallTimeoutMs = 60_000

type Format = DatasetRecord['format']

interface Check {
  write(chunk: Buffer): Promise<void>
  end(): Promise<{ readonly rows: number | null; readonly columns: readonly DatasetColumn[] }>
}

/** Throws VALIDATION_*, CONFLICT_DATASET_EXISTS, STORE_UNAVAILABLE; then nothing is left behind. */
export async function receiveDataset(
  request: IncomingMessage,
  query: UploadQuery,
  deps: ReceiveDeps,
): Promise<DatasetRecord> {
  const rename = parseRename(query.rename ?? [])
  await refuseTaken(query, deps.store)
  const upload = await openUpload(request)
  const file = await receiveFile(deps.artifacts, deps.newId())
  try {
    const { format, check } = await drain(upload, file, {
      format: query.format ?? formatOf(upload),
      rename,
      maxBytes: deps.maxDatasetBytes ?? defaultMaxBytes,
    })
    const { rows, columns } = await check.end()
    const { bytes } = file
    const { uri, sha256 } = await file.commit(format)
    return await deps.store.createDataset({
      ...(query.id === undefined ? {} : { id: query.id }),
      name: query.name ?? nameOf(upload) ?? `dataset-${sha256.slice(0, 12)}`,
      format,
      uri,
      bytes,
      rows,
      sha256,
      rename: rename.names,
      columns,
      replace: query.replace,
    })
  } finally {
    await file.discard()
  }
}

/** Saves the sender of a large file the upload; the store checks again when it counts. */
async function refuseTaken({ id, replace }: UploadQuery, store: Store): Promise<void> {
  if (id === undefined || replace) return
  const [taken] = await store.findDatasets([id])
  if (taken === undefined) return
  throw new AppError(
    'CONFLICT_DATASET_EXISTS',
    'a data set with this id exists; pass replace=true (--replace) to replace it',
    {
      details: { id, name: taken.name },
    },
  )
}

async function drain(
  upload: UploadedFile,
  file: IncomingFile,
  options: { readonly format: Format | null; readonly rename: Rename; readonly maxBytes: number },
): Promise<{ readonly format: Format; readonly check: Check }> {
  let { format } = options
  let check: Check | null = null
  for await (const chunk of watched(upload.stream)) {
    if (file.bytes + chunk.length > options.maxBytes)
      throw new AppError('VALIDATION_BODY_TOO_LARGE', 'the data set is larger than the limit', {
        details: { max_bytes: options.maxBytes },
      })
    format ??= looksLikeParquet(chunk) ? 'parquet' : 'csv'
    check ??= checkOf(format, options.rename)
    await file.write(chunk)
    await check.write(chunk)
  }
  if (check === null || format === null)
    throw datasetMalformed([{ line: null, message: 'the file is empty' }])
  return { format, check }
}

/** The chunks of a stream that neither stands still nor breaks off; the socket survives an early end of the reading. */
async function* watched(stream: Readable): AsyncGenerator<Buffer> {
  const stalled = setTimeout(() => stream.destroy(new Error('stalled')), stallTimeoutMs)
  try {
    for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      stalled.refresh()
      yield chunk
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    throw new AppError('VALIDATION_BODY_INVALID', 'the upload did not arrive in full', { cause })
  } finally {
    clearTimeout(stalled)
  }
}

const checkOf = (format: Format, rename: Rename): Check =>
  format === 'csv' ? new CsvCheck(rename) : new ParquetCheck()

function formatOf({ mediaType, fileName }: UploadedFile): Format | null {
  if (csvTypes.some((type) => type === mediaType)) return 'csv'
  if (parquetTypes.some((type) => type === mediaType)) return 'parquet'
  if (/\.csv$/i.test(fileName ?? '')) return 'csv'
  return /\.(parquet|pq)$/i.test(fileName ?? '') ? 'parquet' : null
}

/** The sender's file name without directories and extension. */
function nameOf({ fileName }: UploadedFile): string | null {
  const base = (fileName ?? '').split(/[/\\]/).pop() ?? ''
  const name = base
    .replace(/\.(csv|parquet|pq)$/i, '')
    .replaceAll(/\p{Cc}/gu, '')
    .slice(0, 200)
  return name === '' ? null : name
}
