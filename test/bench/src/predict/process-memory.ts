/** Resident memory of processes and of those that they started. Linux only. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** In MiB, by process. */
export interface Memory {
  readonly own: readonly number[]
  /** What a warm parent shares with its forks counts in each of them. */
  readonly withChildren: readonly number[]
}

export function memoryOf(pids: readonly number[]): Memory {
  const mib = (processes: readonly number[]): number =>
    Math.round(processes.reduce((sum, pid) => sum + residentKib(pid), 0) / 1_024)
  return { own: pids.map((pid) => mib([pid])), withChildren: pids.map((pid) => mib(treeOf(pid))) }
}

/** The most of each from now on until it is asked. */
export function watchMemory(pids: readonly number[]): () => Promise<Memory> {
  let most = memoryOf(pids)
  const over = new AbortController()
  const watching = (async () => {
    while (!over.signal.aborted) {
      await sleep(250, undefined, { signal: over.signal }).catch(() => undefined)
      const now = memoryOf(pids)
      most = {
        own: greater(most.own, now.own),
        withChildren: greater(most.withChildren, now.withChildren),
      }
    }
  })()
  return async () => {
    over.abort()
    await watching
    return most
  }
}

const greater = (some: readonly number[], others: readonly number[]): number[] =>
  some.map((mib, index) => Math.max(mib, others[index] ?? 0))

const treeOf = (pid: number): number[] => [
  pid,
  ...read(`/proc/${pid}/task/${pid}/children`)
    .split(' ')
    .filter((child) => child !== '')
    .flatMap((child) => treeOf(Number(child))),
]

const residentKib = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0)

/** '' where the process has ended. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
