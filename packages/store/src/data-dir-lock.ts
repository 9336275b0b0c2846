import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError } from '@celeriac/core'

/**
 * Keeps two processes from opening one PGlite data directory, which would destroy it (PGlite itself does not check).
 *
 * The lock is the file `<dataDir>.lock` with the owner's process id and, on Linux, its start time, so that a recycled
 * process id after a crash or reboot does not count as the owner. A stale file is moved away before the next try, and
 * put back should it turn out to be somebody's fresh lock. Processes of other machines or containers that share the folder
 * are not seen: an embedded database is for one machine.
 */
export interface DataDirLock {
  release(): Promise<void>
}

export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  const path = `${dataDir}.lock`
  const mine = await identityOf(process.pid)
  await mkdir(dirname(path), { recursive: true })
  for (let tries = 0; tries < 3; tries++) {
    if (await createFile(path, mine)) return { release: () => rm(path, { force: true }) }
    const holder = await readText(path)
    if (holder === null) continue
    const pid = Number.parseInt(holder, 10)
    if (holder !== '' && holder === (await identityOf(pid)))
      throw new AppError('STORE_UNAVAILABLE', 'another process uses the data directory', {
        details: { dataDir, pid },
      })
    await discard(path, holder)
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

async function discard(path: string, stale: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`
  try {
    await rename(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if ((await readText(aside)) !== stale) await link(aside, path).catch(() => undefined)
  await rm(aside, { force: true })
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
