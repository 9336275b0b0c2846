import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Resident memory of a process, in bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)])
  return Number(stdout.trim()) * 1024
}

export interface MemoryWatch {
  /** Ends the watch: the most that a look found. */
  stop(): Promise<{ readonly before: number; readonly peak: number }>
}

/** Looks at a process five times a second. */
export async function watchMemory(pid: number): Promise<MemoryWatch> {
  const before = await residentBytes(pid)
  let peak = before
  let looking: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    looking = residentBytes(pid).then(
      (bytes) => void (peak = Math.max(peak, bytes)),
      () => undefined,
    )
  }, 200)
  return {
    stop: async () => {
      clearInterval(timer)
      await looking
      return { before, peak }
    },
  }
}
