import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, openSync, closeSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'
import { until } from './until.ts'

/** Where a program is: in one of these directories, else in PATH. Throws with the package that has it. */
export function findProgram(name: string, directories: readonly string[], packageName: string): string {
  for (const directory of [...directories, ...(process.env['PATH'] ?? '').split(delimiter)]) {
    const file = join(directory, name)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // Looks on.
    }
  }
  throw new Error(
    `${name} is not installed; these tests start a server of their own: sudo apt-get install ${packageName}`,
  )
}

/** The user and group ids of the first of these accounts that the machine has. */
export function accountOf(...names: readonly string[]): { readonly uid: number; readonly gid: number } {
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  for (const name of names) {
    const [, , uid, gid] = accounts.find(([account]) => account === name) ?? []
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error(`there is no account ${names.join(' or ')}`)
}

export interface ServiceCommand {
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** What it prints goes here, appended. */
  readonly logFile: string
  readonly account?: { readonly uid: number; readonly gid: number }
}

const running = new Set<ChildProcess>()
// A server outlives no test process that ends by itself; it has no other parent to notice.
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')))

/** One server process of a test's own. */
export class ServiceProcess {
  readonly child: ChildProcess
  readonly exited: Promise<void>
  readonly #logFile: string

  constructor({ file, args, env, logFile, account }: ServiceCommand) {
    this.#logFile = logFile
    const log = openSync(logFile, 'a')
    this.child = spawn(file, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', log, log],
      ...account,
    })
    closeSync(log)
    running.add(this.child)
    this.exited = once(this.child, 'exit').then(() => void running.delete(this.child))
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('the server could not be started')
    return this.child.pid
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** Resolves when `probe` does; rejects when the process ends before, with what it printed. */
  async until(probe: () => Promise<void>): Promise<void> {
    const died = this.exited.then(() => {
      throw new Error('the server ended')
    })
    try {
      await Promise.race([until(probe, { timeoutMs: 90_000, intervalMs: 50 }), died])
    } catch (error) {
      throw new Error(`not up: ${await readFile(this.#logFile, 'utf8')}`, { cause: error })
    }
  }

  /** Resolves when it has ended. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.isRunning) this.child.kill(signal)
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 20_000)
    await this.exited
    clearTimeout(timer)
  }
}

/** Resolves when something accepts connections there. */
export async function probePort(port: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port })
  try {
    await once(socket, 'connect')
  } finally {
    socket.destroy()
  }
}
