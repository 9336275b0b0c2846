/**
 * An upload becomes a data set: streamed to disk, hashed, counted and checked in one pass, then registered.
 *
 * Order: file (durable, under its content's hash) → row. A crash in between leaves a file that no data set names; the
 * next upload of the same content takes it over. A row never names a file that is not whole.
 */
import { AppError, type DatasetColumn, type DatasetRecord, type Store } from '@celeriac/core'
import type { ArtifactLayout } from '@celeriac/runtime'
import type { IncomingMessage } from 'node:http'
import { defaultHttpTimes, type HttpTimes } from '../http/api-deps.ts'
import { arrivingChunks, inTime } from '../http/arriving-body.ts'
import type { Intake } from '../submission/intake.ts'
import { CsvCheck } from './csv-check.ts'
import { receiveFile, type IncomingFile, type WrittenFile } from './dataset-files.ts'
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
  readonly intake: Pick<Intake, 'watch'>
  readonly maxDatasetBytes?: number
  readonly times?: HttpTimes
}

const defaultMaxBytes = 4 * 1024 ** 3

type Format = DatasetRecord['format']

interface Check {
  write(chunk: Buffer): Promise<void>
  /** Everything was written; the file may be read again. */
  end(
    file: WrittenFile,
  ): Promise<{ readonly rows: number | null; readonly columns: readonly DatasetColumn[] }>
}

/** Throws VALIDATION_*, CONFLICT_DATASET_EXISTS, STORE_FULL, STORE_UNAVAILABLE; then nothing is left behind. */
export async function receiveDataset(
  request: IncomingMessage,
  query: UploadQuery,
  deps: ReceiveDeps,
): Promise<DatasetRecord> {
  const rename = parseRename(query.rename ?? [])
  await refuseTaken(query, deps.store)
  // An upload may take as long as it likes, but not stand still.
  const { uploadStallMs: stallMs } = deps.times ?? defaultHttpTimes
  const upload = await inTime(openUpload(request), stallMs)
  const file = await receiveFile(deps.artifacts, deps.newId())
  try {
    const { format, check } = await drain(upload, file, {
      format: query.format ?? formatOf(upload),
      rename,
      maxBytes: deps.maxDatasetBytes ?? defaultMaxBytes,
      stallMs,
    })
    const { rows, columns } = await check.end(file)
    const { bytes } = file
    const { uri, sha256 } = await file.commit(format)
    const created = deps.store.createDataset({
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
    return await deps.intake.watch(created)
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
  options: {
    readonly format: Format | null
    readonly rename: Rename
    readonly maxBytes: number
    readonly stallMs: number
  },
): Promise<{ readonly format: Format; readonly check: Check }> {
  let { format } = options
  let check: Check | null = null
  for await (const chunk of arrivingChunks(upload.stream, options)) {
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

const checkOf = (format: Format, rename: Rename): Check =>
  format === 'csv' ? new CsvCheck(rename) : new ParquetCheck(rename)

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
