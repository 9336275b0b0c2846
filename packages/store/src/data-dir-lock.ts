import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { AppError } from '@celeriac/core'

/**
 * Keeps two processes from opening one PGlite data directory, which would destroy it (PGlite itself does not check).
 *
 * The lock is the file `<dataDir>.lock` with the owner's process id and, on Linux, its start time, so that a recycled
 * process id after a crash or reboot does not count as the owner. A stale file is removed by one process at a time, the
 * one whose turn it is, so that nobody removes the fresh lock that another has made meanwhile. Processes of other machines or containers that share the folder
 * are not seen: an embedded database is for one machine.
 */
export interface DataDirLock {
  release(): Promise<void>
}

/** Others take their turn within moments; a turn is two file operations long. */
const mostTries = 200
const pauseMs = 10

export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  const path = `${dataDir}.lock`
  const mine = await identityOf(process.pid)
  await mkdir(dirname(path), { recursive: true })
  for (let tries = 0; tries < mostTries; tries++) {
    if (await createFile(path, mine)) return { release: () => rm(path, { force: true }) }
    const holder = await readText(path)
    if (holder === null) continue
    const pid = Number.parseInt(holder, 10)
    if (holder !== '' && holder === (await identityOf(pid)))
      throw new AppError('STORE_UNAVAILABLE', 'another process uses the data directory', {
        details: { dataDir, pid },
      })
    await removeStale(path, holder, mine)
  }
  throw new AppError('STORE_UNAVAILABLE', 'the lock of the data directory cannot be taken', {
    details: { dataDir },
  })
}

async function createFile(path: string, text: string): Promise<boolean> {
  // Written under another name and linked, so that nobody ever reads half a lock.
  const draft = `${path}.${randomUUID()}`
  const file = await open(draft, 'w')
  await file.writeFile(text)
  await file.close()
  try {
    await link(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

async function removeStale(path: string, stale: string, mine: string): Promise<void> {
  const turn = `${path}.turn`
  if (!(await createFile(turn, mine))) {
    const other = await readText(turn)
    // Left by a process that died in its turn.
    if (other !== null && other !== (await identityOf(Number.parseInt(other, 10))))
      await rm(turn, { force: true })
    else await delay(pauseMs)
    return
  }
  try {
    if ((await readText(path)) === stale) await rm(path, { force: true })
  } finally {
    await rm(turn, { force: true })
  }
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** `<pid> <start time>` of a live process; '' when there is none. */
async function identityOf(pid: number): Promise<string> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives, under another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return ''
  }
  const stat = await readText(`/proc/${pid}/stat`)
  // Field 22, counted after the command, which may hold spaces and parentheses itself.
  const startedAt = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  return `${pid} ${startedAt ?? '-'}`
}
