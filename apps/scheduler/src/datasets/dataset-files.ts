import { createHash, type Hash } from 'node:crypto'
import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '@celeriac/core'
import { fileUrlOf, pathOf, type ArtifactLayout } from '@celeriac/runtime'

/** A file on its way in: written to a private directory, visible under its final name only when complete. */
export interface IncomingFile {
  readonly bytes: number
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
  const root = join(pathOf(artifacts.root), 'datasets')
  const staging = join(root, `.incoming-${id}`)
  const staged = join(staging, 'data')
  const file = await guard(async () => {
    await mkdir(staging, { recursive: true })
    return open(staged, 'wx')
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

/** A file system that refuses (full, read-only) is a store that is not available. */
async function guard<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (cause) {
    throw new AppError('STORE_UNAVAILABLE', 'the artifact store refuses writes', {
      cause,
      details: { reason: (cause as NodeJS.ErrnoException).code ?? 'unknown' },
    })
  }
}
