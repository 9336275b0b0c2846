import { AppError, type ModelVersionRecord } from '@celeriac/core'
import { isBelow, pathOf, type ArtifactLayout } from '@celeriac/runtime'
import { constants } from 'node:fs'
import { open, readdir, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { pipeline, Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { tarArchive, type TarEntry } from './tar-archive.ts'

export interface DeploymentFile {
  readonly name: string
  readonly path: string
}

/** A deployment has a handful of files; the chain of transforms bounds them. */
const mostFiles = 1_000

/**
 * The files of a version: those that lie in its folder, and in no folder below. The URI comes from a worker's message:
 * it must lead below the artifact root, also after its links are followed, and a link in the folder is no file of it.
 *
 * @throws AppError NOT_FOUND_MODEL when they are not in the artifact store
 */
export async function findDeploymentFiles(
  { name, version, uri }: Pick<ModelVersionRecord, 'name' | 'version' | 'uri'>,
  artifacts: Pick<ArtifactLayout, 'root'>,
): Promise<readonly DeploymentFile[]> {
  try {
    if (!isBelow(artifacts.root, uri)) throw new Error('the deployment is not in the artifact store')
    const root = await realpath(pathOf(artifacts.root))
    const folder = await realpath(pathOf(uri))
    if (!folder.startsWith(root + sep)) throw new Error('the path leaves the artifact store')
    const files = (await readdir(folder, { withFileTypes: true }))
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
      .map((entry) => ({ name: entry.name, path: join(folder, entry.name) }))
      .toSorted((a, b) => Number(a.name > b.name) - Number(a.name < b.name))
    if (!files.some((file) => file.name === 'sidecar.json') || files.length > mostFiles)
      throw new Error('the folder is not that of a deployment')
    return files
  } catch (cause) {
    throw new AppError('NOT_FOUND_MODEL', 'the files of the model version are not in the artifact store', {
      cause,
      details: { name, version, uri },
    })
  }
}

/** A compressed tar archive of the files, in a folder. One file is open at a time, and closed when the reader leaves. */
export async function* deploymentArchive(
  folder: string,
  files: readonly DeploymentFile[],
): AsyncGenerator<Uint8Array> {
  const archive = Readable.from(tarArchive(entriesOf(folder, files)), { objectMode: false })
  // A failure reaches the loop below through the compressor.
  const compressed = pipeline(archive, createGzip(), () => undefined)
  yield* compressed as AsyncIterable<Uint8Array>
}

async function* entriesOf(folder: string, files: readonly DeploymentFile[]): AsyncGenerator<TarEntry> {
  const top = folder.replaceAll(/[/\\]/g, '_').replace(/^\.+/, '_')
  for (const { name, path } of files) {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      const { size } = await file.stat()
      const content = size === 0 ? [] : file.createReadStream({ end: size - 1, autoClose: false })
      yield { path: `${top}/${name}`, size, content }
    } finally {
      await file.close()
    }
  }
}
