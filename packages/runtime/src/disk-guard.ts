import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock } from '@celeriac/core'

/**
 * DESIGN
 *
 * A disk that is full fails whatever writes to it, one attempt and one request after the other. Whoever brings work to it
 * stops before that, and goes on by itself when there is space again.
 *   ok ── free < minimum ──▶ full ── free ≥ minimum + a tenth ──▶ ok
 * The tenth keeps a disk that hovers about the minimum from starting and stopping everything every two seconds.
 * What cannot be read (a file system that hangs, is not mounted) says nothing about space: the state stays.
 */
export type DiskState =
  | { readonly isFull: false }
  | { readonly isFull: true; readonly freeBytes: number; readonly minFreeBytes: number }

/** `minFreeBytes` 0: never full. */
export function judgeDisk(before: DiskState, freeBytes: number, minFreeBytes: number): DiskState {
  const neededBytes = before.isFull ? minFreeBytes + minFreeBytes / 10 : minFreeBytes
  return freeBytes < neededBytes ? { isFull: true, freeBytes, minFreeBytes } : { isFull: false }
}

/** What a readiness check says: 'ok', or what is wrong. */
export const diskReport = (state: DiskState): string =>
  state.isFull
    ? `the disk is full: ${inMib(state.freeBytes)} MiB are free, ${inMib(state.minFreeBytes)} MiB are needed`
    : 'ok'

const inMib = (bytes: number): number => Math.floor(bytes / 1_048_576)

export interface DiskGuardOptions {
  /** A directory on the disk; until it exists, the nearest one above it is read. */
  readonly path: string
  /** Below it the disk counts as full. 0: nothing is watched. */
  readonly minFreeBytes: number
  readonly clock: Clock
  /** Told when the disk has become full, and when it no longer is. Must not throw. */
  readonly onChange?: (state: DiskState) => void
  /** @default 2,000 */
  readonly intervalMs?: number
  /** Bytes that this process may still write. @default statfs */
  readonly readFree?: (path: string) => Promise<number>
}

const defaultIntervalMs = 2_000

/** Watches the free space of one disk. */
export class DiskGuard {
  readonly #options: DiskGuardOptions
  readonly #readFree: (path: string) => Promise<number>
  #state: DiskState = { isFull: false }
  #cancel: () => void = () => {}
  #isStopped = false

  constructor(options: DiskGuardOptions) {
    this.#options = options
    this.#readFree = options.readFree ?? freeBytesAt
  }

  get state(): DiskState {
    return this.#state
  }

  /** Resolves after the first reading. */
  async start(): Promise<void> {
    if (this.#options.minFreeBytes > 0) await this.#watch()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  /** One reading. Never rejects. */
  async check(): Promise<DiskState> {
    const { path, minFreeBytes, onChange } = this.#options
    const before = this.#state
    try {
      this.#state = judgeDisk(before, await this.#readFree(path), minFreeBytes)
    } catch {
      return before
    }
    if (before.isFull !== this.#state.isFull && !this.#isStopped) onChange?.(this.#state)
    return this.#state
  }

  async #watch(): Promise<void> {
    await this.check()
    // The next reading waits for the last one: a file system that hangs is asked once.
    if (this.#isStopped) return
    this.#cancel = this.#options.clock.after(
      this.#options.intervalMs ?? defaultIntervalMs,
      () => void this.#watch(),
    )
  }
}

/** Bytes that an unprivileged process may still write at `path`, or at the nearest directory above it that exists. */
export async function freeBytesAt(path: string): Promise<number> {
  for (let at = path; ; at = dirname(at)) {
    try {
      const { bavail, bsize } = await statfs(at)
      return bavail * bsize
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
      if (!isMissing || dirname(at) === at) throw error
    }
  }
}
