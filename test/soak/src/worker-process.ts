import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { SoakPlace } from './app.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..', '..', '..')

/** Tasks at a time, and deliveries held for each. */
const concurrency = 16
const prefetchMultiplier = 4
/** Deliveries that a worker holds: those that run, wait, or have ended and are not acknowledged yet. */
export const heldAtMost = concurrency * prefetchMultiplier

/** A worker as users start it. */
export class WorkerProcess {
  readonly name: string
  readonly #child: ChildProcess
  readonly #dataDir: string
  readonly #exited: Promise<string>
  readonly #ready: Promise<void>
  #errors = ''

  private constructor(name: string, child: ChildProcess, dataDir: string) {
    this.name = name
    this.#child = child
    this.#dataDir = dataDir
    this.#exited = once(child, 'exit').then(([code, signal]) => String(signal ?? code))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#errors += text))
    this.#ready = new Promise((resolve) => {
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        if (text.includes('is ready')) resolve()
      })
    })
  }

  static async start(name: string, { amqpUrl, redisUrl, keyPrefix }: SoakPlace): Promise<WorkerProcess> {
    const dataDir = await mkdtemp(join(tmpdir(), 'celeriac-soak-'))
    const program = [join(root, 'apps', 'cli', 'bin', 'celeriac.mjs'), 'worker']
    const tasks = ['--import', join(root, 'test', 'soak', 'dist', 'app.js'), '-Q', 'celery']
    const held = ['-c', String(concurrency), '--prefetch-multiplier', String(prefetchMultiplier)]
    const own = ['--name', name, '--data-dir', dataDir, '--http-port', '0']
    const command = [...program, ...tasks, ...held, ...own]
    const child = spawn(process.execPath, command, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        CELERIAC_AMQP_URL: amqpUrl,
        CELERIAC_LOG_LEVEL: 'warn',
        SOAK_AMQP_URL: amqpUrl,
        SOAK_REDIS_URL: redisUrl,
        SOAK_KEY_PREFIX: keyPrefix,
      },
    })
    return new WorkerProcess(name, child, dataDir)
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** For messages of failures. */
  get errors(): string {
    return this.#errors
  }

  /** Resolves when it hears what is revoked and takes tasks; rejects when it ends before. */
  async ready(): Promise<void> {
    const ended = this.#exited.then((how) => {
      throw new Error(`${this.name} ended with ${how}:\n${this.#errors}`)
    })
    await Promise.race([this.#ready, ended])
    ended.catch(() => undefined)
  }

  /** MiB; null: it has ended. */
  async residentMib(): Promise<number | null> {
    if (!this.isRunning) return null
    const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(this.#child.pid)]).catch(() => ({
      stdout: '',
    }))
    return stdout.trim() === '' ? null : Number(stdout) / 1_024
  }

  /** Ends it and gives its exit code, or the signal that ended it. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<string> {
    if (this.isRunning) this.#child.kill(signal)
    const how = await this.#exited
    await rm(this.#dataDir, { recursive: true, force: true })
    return how
  }
}
