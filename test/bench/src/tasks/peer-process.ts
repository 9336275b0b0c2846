import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'

/** A worker or client of the benchmark in its process; what it writes to stderr is shown when it fails. */
export class PeerProcess {
  readonly child: ChildProcess
  readonly #name: string
  #errors = ''

  constructor(
    name: string,
    command: readonly [string, ...string[]],
    env: Readonly<Record<string, string>> = {},
    cwd?: string,
  ) {
    const [file, ...args] = command
    const stdio: StdioOptions = ['pipe', 'pipe', 'pipe']
    this.#name = name
    this.child = spawn(file, args, {
      stdio,
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    })
    this.child.stdin?.on('error', () => undefined)
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#errors += text))
  }

  /** Rejects when the process ends before the work has. */
  async during<Result>(work: Promise<Result>): Promise<Result> {
    const waiting = new AbortController()
    const ended = once(this.child, 'exit', { signal: waiting.signal }).then(([code, signal]) => {
      throw new Error(`${this.#name} ended with ${String(code ?? signal)}:\n${this.#errors}`)
    })
    try {
      return await Promise.race([work, ended])
    } finally {
      waiting.abort()
      ended.catch(() => undefined)
    }
  }

  /** Lets it finish, and waits for its end. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = once(this.child, 'exit')
    this.child.kill('SIGTERM')
    await ended
  }
}
