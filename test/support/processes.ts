import { spawn, type ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..', '..')
export const cliPath = join(root, 'apps', 'cli', 'bin', 'celeriac.mjs')

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A process of the platform under test: the built `celeriac` command, as users run it. */
export class PlatformProcess {
  readonly child: ChildProcess
  readonly exited: Promise<Finished>
  #stdout = ''
  #stderr = ''

  /** `input`: what it reads on standard input; without, that is empty. */
  constructor(args: readonly string[], env: Readonly<Record<string, string>>, input = '') {
    this.child = spawn(process.execPath, [cliPath, ...args], {
      cwd: root,
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: [input === '' ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    this.child.stdin?.end(input)
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text))
    this.exited = once(this.child, 'close').then(([code]) => ({
      code: code as number | null,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }))
  }

  /** What it printed to standard output so far. */
  get stdout(): string {
    return this.#stdout
  }

  /** All that it printed so far, for failure messages. */
  get output(): string {
    return this.#stdout + this.#stderr
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Finished> {
    if (this.isRunning) this.child.kill(signal)
    // A process that a test has stopped hears of it when it wakes up.
    this.child.kill('SIGCONT')
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 20_000)
    try {
      return await this.exited
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Runs a command to its end. */
export const runCommand = (
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input = '',
): Promise<Finished> => new PlatformProcess(args, env, input).exited

/**
 * A port for a server that is started seconds later, and maybe again. Below those that the system gives to connections
 * (Linux: from 32768): one of them, open when the server starts, would be in its way.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_768)
    const server = createServer().listen(port, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') continue
      throw error
    }
    server.close()
    await once(server, 'close')
    return port
  }
}
