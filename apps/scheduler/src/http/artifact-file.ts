import { isBelow, pathOf, type ArtifactLayout } from '@celeriac/runtime'
import { createReadStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'

const chunkBytes = 256 * 1024

export interface ArtifactFile {
  readonly bytes: number
  /** Opened when it is read. Exactly `bytes` long, or it throws. */
  readonly content: AsyncIterable<Uint8Array>
}

/**
 * A file of a committed artifact. The URI comes from a worker's message: the file must lie below the artifact root, also
 * after links are followed. Rejects with whatever is wrong with it.
 */
export async function artifactFile(
  uri: string,
  name: string,
  artifacts: Pick<ArtifactLayout, 'root'>,
): Promise<ArtifactFile> {
  if (!isBelow(artifacts.root, uri)) throw new Error('the artifact is not in the artifact store')
  const root = await realpath(pathOf(artifacts.root))
  const path = await realpath(join(pathOf(uri), name))
  if (!path.startsWith(root + sep)) throw new Error('the path leaves the artifact store')
  const found = await stat(path)
  if (!found.isFile()) throw new Error('the artifact has no such file')
  return { bytes: found.size, content: contentOf(path, found.size) }
}

async function* contentOf(path: string, bytes: number): AsyncGenerator<Uint8Array> {
  let sent = 0
  const file: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: chunkBytes })
  for await (const chunk of file) {
    sent += chunk.length
    yield chunk
  }
  // Artifacts never change. One that retention took away meanwhile must not look like a whole file.
  if (sent !== bytes) throw new Error('the file changed while it was sent')
}
