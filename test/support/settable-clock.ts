import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'

const libraries = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib64/faketime/libfaketimeMT.so.1',
  '/usr/lib/faketime/libfaketimeMT.so.1',
]

/** A clock that a test sets, for programs that are started with `env` (libfaketime): time of day jumps, monotonic time does not. */
export class SettableClock {
  readonly env: Readonly<Record<string, string>>
  readonly #file: string

  private constructor(library: string, file: string) {
    this.#file = file
    this.env = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      // Programs look into the file once a second.
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_DONT_RESET: '1',
    }
  }

  static async create(file: string): Promise<SettableClock> {
    const library = libraries.find((path) => existsSync(path))
    if (library === undefined)
      throw new Error('libfaketime is not installed; this test sets clocks: sudo apt-get install faketime')
    const clock = new SettableClock(library, file)
    await clock.set(0)
    return clock
  }

  /** To so many seconds ahead of the machine's. */
  async set(seconds: number): Promise<void> {
    await writeFile(this.#file, `${seconds < 0 ? '' : '+'}${seconds}\n`)
  }
}
