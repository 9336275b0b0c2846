import { createHash, type Hash } from 'node:crypto'
import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '@celeriac/core'
import { fileUrlOf, pathOf, type ArtifactLayout } from '@celeriac/runtime'

/** Name of the private directory of an upload, before the upload's id. */
export const incomingPrefix = '.incoming-'

export const datasetsDirectory = (artifacts: ArtifactLayout): string =>
  join(pathOf(artifacts.root), 'datasets')

/** What was written so far, to be read again. */
export interface WrittenFile {
  readonly bytes: number
  /** Fewer bytes than `length` at the end of what was written. */
  read(offset: number, length: number): Promise<Buffer>
}

/** A file on its way in: written to a private directory, visible under its final name only when complete. */
export interface IncomingFile extends WrittenFile {
  write(chunk: Buffer): Promise<void>
  /** Makes the file durable and gives it its final place. */
  commit(format: 'csv' | 'parquet'): Promise<{ readonly uri: string; readonly sha256: string }>
  /** Removes what was written. Idempotent; does nothing after `commit`. */
  discard(): Promise<void>
}

/**
 * Data sets lie under the hash of their content, `<artifact_root>/datasets/<sha256>/data.<format>`. So a file never
 * changes once it has a name: runs that are pinned to it stay reproducible when the data set's id gets another file,
 * and the same upload twice is one file. The id is given by the database afterwards.
 */
export async function receiveFile(artifacts: ArtifactLayout, id: string): Promise<IncomingFile> {
  const root = datasetsDirectory(artifacts)
  const staging = join(root, `${incomingPrefix}${id}`)
  const staged = join(staging, 'data')
  const file = await guard(async () => {
    await mkdir(staging, { recursive: true })
    return open(staged, 'wx+')
  })
  const hash = createHash('sha256')
  let bytes = 0
  return {
    get bytes() {
      return bytes
    },
    async write(chunk) {
      bytes += chunk.length
      hash.update(chunk)
      await guard(() => file.writeFile(chunk))
    },
    read: (offset, length) =>
      guard(async () => {
        const buffer = Buffer.alloc(length)
        const { bytesRead } = await file.read(buffer, 0, length, offset)
        return buffer.subarray(0, bytesRead)
      }),
    commit: (format) => guard(() => commit({ file, staging, staged, root, format, hash })),
    async discard() {
      await file.close().catch(() => undefined)
      await rm(staging, { recursive: true, force: true })
    },
  }
}

interface Commit {
  readonly file: FileHandle
  readonly staging: string
  readonly staged: string
  readonly root: string
  readonly format: 'csv' | 'parquet'
  readonly hash: Hash
}

async function commit({ file, staging, staged, root, format, hash }: Commit) {
  await file.datasync()
  await file.close()
  const sha256 = hash.digest('hex')
  const name = `data.${format}`
  const target = join(root, sha256)
  await rename(staged, join(staging, name))
  try {
    // One step from nothing to a whole directory: a reader never sees half a data set.
    await rename(staging, target)
  } catch (error) {
    // It is there already: the same bytes, from this upload's twin or an earlier one.
    await stat(join(target, name)).catch(() => Promise.reject(error))
    await rm(staging, { recursive: true, force: true })
  }
  return { uri: `${fileUrlOf(target)}/${name}`, sha256 }
}

/** No space, no space for this user, no space for a file this large. */
const isFull: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** A file system that refuses (full, read-only, gone) is a store that is full or not available. */
async function guard<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown'
    throw isFull.has(reason)
      ? new AppError('STORE_FULL', 'the artifact store has no space left', { cause, details: { reason } })
      : new AppError('STORE_UNAVAILABLE', 'the artifact store refuses writes', { cause, details: { reason } })
  }
}
