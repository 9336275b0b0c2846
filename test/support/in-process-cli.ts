import { runCommandLine, type Io } from '@celeriac/cli'
import { vi } from 'vitest'
import type { Platform } from './platform.ts'

/**
 * A command line as a user of the platform types it, without a process of its own: where the process is not what is
 * tested, its start would take most of the time. Colourless and narrow, like a pipe.
 */
export async function inProcessCli(
  platform: Platform,
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  let [stdout, stderr] = ['', '']
  const io: Io = {
    out: (line) => void (stdout += `${line}\n`),
    err: (line) => void (stderr += `${line}\n`),
    drained: () => Promise.resolve(),
    paint: (_style, text) => text,
    isTty: false,
    columns: 120,
    rows: 40,
  }
  vi.stubEnv('CELERIAC_SERVER', platform.api.url)
  vi.stubEnv('CELERIAC_API_TOKEN', platform.api.token)
  vi.stubEnv('CELERIAC_DATA_DIR', platform.dataDir)
  try {
    const never = new AbortController()
    const interrupt = { signal: () => never.signal, isInterrupted: () => false }
    return { code: await runCommandLine(args, { io, interrupt }), stdout, stderr }
  } finally {
    vi.unstubAllEnvs()
  }
}
