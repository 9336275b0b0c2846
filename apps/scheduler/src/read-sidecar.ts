import { isBelow, pathOf, type ArtifactLayout } from '@celeriac/runtime'
import { open, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'

/** Sidecars are small by contract (256 KiB); what is larger is not one. */
const maxSidecarBytes = 1_048_576

/**
 * The description beside an artifact. The URI comes from a worker's message: it must lead below the artifact root, also
 * after its links are followed. Rejects with whatever is wrong with it.
 */
export async function readSidecar(
  uri: string,
  artifacts: Pick<ArtifactLayout, 'root'>,
): Promise<Record<string, unknown>> {
  if (!isBelow(artifacts.root, uri)) throw new Error('the artifact is not in the artifact store')
  const root = await realpath(pathOf(artifacts.root))
  const path = await realpath(join(pathOf(uri), 'sidecar.json'))
  if (!path.startsWith(root + sep)) throw new Error('the path leaves the artifact store')
  return JSON.parse(await readBounded(path)) as Record<string, unknown>
}

async function readBounded(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    if (size > maxSidecarBytes) throw new Error('the sidecar is too large')
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}
