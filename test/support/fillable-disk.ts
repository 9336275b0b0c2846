import { mkdtemp, rm, statfs, truncate, writeFile } from 'node:fs/promises'
import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { mountSmallDisk } from '../../apps/scheduler/test/datasets/small-disk.ts'

const run = promisify(execFile)
const mib = 1_048_576
const smallDiskMib = 128

/** A disk that a test fills up: a small one, or where it may not mount one, a part of the machine's. */
export interface FillableDisk {
  readonly path: string
  /** For CELERIAC_MIN_FREE_DISK: `fill` leaves less, in MiB. */
  readonly minFreeMib: number
  fill(): Promise<void>
  clear(): Promise<void>
  remove(): Promise<void>
}

export async function createFillableDisk(): Promise<FillableDisk> {
  const small = await mountSmallDisk(smallDiskMib * mib)
  const path = small?.path ?? (await mkdtemp(join(tmpdir(), 'celeriac-disk-')))
  const { bavail, bsize } = await statfs(path)
  const freeMib = Math.floor((bavail * bsize) / mib)
  // Others write to the machine's disk meanwhile: wide margins there.
  const [minFreeMib, fillMib] = small ? [32, freeMib - 16] : [freeMib - 1_024, 2_048]
  const file = join(path, 'filling')
  return {
    path,
    minFreeMib,
    fill: async () => {
      await writeFile(file, '')
      await run('fallocate', ['-l', `${fillMib}MiB`, file])
    },
    clear: () => truncate(file, 0),
    remove: async () => {
      await (small ? small.remove() : rm(path, { recursive: true, force: true }))
    },
  }
}
