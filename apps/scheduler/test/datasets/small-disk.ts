import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface SmallDisk {
  readonly path: string
  remove(): Promise<void>
}

/** A file system of its own with room for `bytes`; null where this process may not mount one. */
export async function mountSmallDisk(bytes: number): Promise<SmallDisk | null> {
  const path = await mkdtemp(join(tmpdir(), 'celeriac-disk-'))
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path])
  } catch {
    await rm(path, { recursive: true })
    return null
  }
  return {
    path,
    remove: async () => {
      await run('umount', [path])
      await rm(path, { recursive: true })
    },
  }
}
