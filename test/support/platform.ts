import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { buildTopology } from '@celeriac/broker'
import amqp from 'amqplib'
import pg from 'pg'
import { vi } from 'vitest'
import { ApiClient } from './api-client.ts'
import { freePort, PlatformProcess, root, runCommand } from './processes.ts'

export type Mode = 'embedded' | 'distributed'

const amqpUrl = process.env['TEST_AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672'
const databaseUrl = process.env['TEST_DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres'

/** A platform of real processes, on services of its own: a database and a queue prefix per platform. */
export class Platform {
  readonly mode: Mode
  readonly dataDir: string
  readonly name: string
  readonly env: Record<string, string>
  readonly schedulers: { process: PlatformProcess; url: string }[] = []
  readonly workers: PlatformProcess[] = []
  readonly #others: PlatformProcess[] = []

  private constructor(mode: Mode, dataDir: string, name: string) {
    this.mode = mode
    this.dataDir = dataDir
    this.name = name
    this.env = {
      CELERIAC_DATA_DIR: dataDir,
      CELERIAC_LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'warn',
      CELERIAC_API_TOKEN: 'test-token',
      ...(mode === 'distributed'
        ? {
            CELERIAC_AMQP_URL: amqpUrl,
            CELERIAC_DATABASE_URL: this.databaseUrl,
            CELERIAC_QUEUE_PREFIX: `${name}.`,
          }
        : {}),
    }
  }

  static async create(mode: Mode): Promise<Platform> {
    const dataDir = await mkdtemp(join(tmpdir(), 'celeriac-'))
    const platform = new Platform(mode, dataDir, `t${randomBytes(4).toString('hex')}`)
    if (mode === 'distributed') {
      await withDatabase(databaseUrl, (client) => client.query(`CREATE DATABASE ${platform.name}`))
      const migrated = await runCommand(['migrate'], platform.env)
      if (migrated.code !== 0) throw new Error(`migrate failed: ${migrated.stderr}${migrated.stdout}`)
    }
    return platform
  }

  get databaseUrl(): string {
    const url = new URL(databaseUrl)
    url.pathname = `/${this.name}`
    return url.href
  }

  get amqpUrl(): string {
    return amqpUrl
  }

  get topology() {
    return buildTopology({ prefix: `${this.name}.` })
  }

  /** A client of the first scheduler that runs. */
  get api(): ApiClient {
    const scheduler = this.schedulers.find(({ process: each }) => each.isRunning)
    if (scheduler === undefined) throw new Error('no scheduler runs')
    return new ApiClient(scheduler.url, 'test-token')
  }

  /** Everything in one process (embedded), or these numbers of schedulers and workers. */
  async start({ schedulers = 1, workers = 1, concurrency = 2 } = {}): Promise<this> {
    if (this.mode === 'embedded')
      await this.#startServer(['standalone', '--concurrency', String(concurrency)])
    else {
      await Promise.all(Array.from({ length: schedulers }, () => this.startScheduler()))
      await Promise.all(Array.from({ length: workers }, () => this.startWorker(concurrency)))
    }
    return this
  }

  startScheduler(): Promise<PlatformProcess> {
    return this.#startServer(['scheduler'])
  }

  async #startServer(args: readonly string[]): Promise<PlatformProcess> {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const process = new PlatformProcess(args, { ...this.env, CELERIAC_HTTP_PORT: String(port) })
    this.schedulers.push({ process, url })
    await untilReady(process, url)
    return process
  }

  async startWorker(concurrency = 2, args: readonly string[] = []): Promise<PlatformProcess> {
    const port = await freePort()
    const env = { ...this.env, CELERIAC_HTTP_PORT: String(port) }
    const worker = new PlatformProcess(['worker', '--concurrency', String(concurrency), ...args], env)
    this.workers.push(worker)
    await untilReady(worker, `http://127.0.0.1:${port}`)
    return worker
  }

  /** The `celeriac` command as a user of this platform. */
  cli(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const server = {
      CELERIAC_SERVER: this.api.url,
      CELERIAC_DATA_DIR: this.dataDir,
      CELERIAC_API_TOKEN: 'test-token',
    }
    return runCommand(args, server)
  }

  async withDatabase<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    return withDatabase(this.databaseUrl, work)
  }

  /** Stops every process and removes database, queues and files. */
  async destroy(): Promise<void> {
    const processes = [...this.workers, ...this.schedulers.map(({ process: each }) => each), ...this.#others]
    await Promise.all(processes.map((each) => each.stop()))
    if (this.mode === 'distributed') {
      await withDatabase(databaseUrl, (client) =>
        client.query(`DROP DATABASE IF EXISTS ${this.name} WITH (FORCE)`),
      )
      const connection = await amqp.connect(amqpUrl)
      const channel = await connection.createChannel()
      for (const { name } of this.topology.queues) await channel.deleteQueue(name)
      for (const { name } of this.topology.exchanges) await channel.deleteExchange(name)
      await connection.close()
    }
    await rm(this.dataDir, { recursive: true, force: true })
  }
}

/** Also used in hooks, where expect.poll is not allowed. */
async function untilReady(process: PlatformProcess, url: string): Promise<void> {
  const check = async (): Promise<void> => {
    const { status } = await fetch(`${url}/readyz`)
    if (status !== 200) throw new Error(`readyz answers ${status}`)
  }
  const died = process.exited.then(() => {
    throw new Error('the process ended')
  })
  try {
    await Promise.race([vi.waitFor(check, { timeout: 60_000, interval: 100 }), died])
  } catch (error) {
    throw new Error(`${url} is not ready:\n${process.output}`, { cause: error })
  }
}

async function withDatabase<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Files of `../shared`: tests that need them skip where they are absent, and never under CI. */
export async function sharedFile(path: string): Promise<string | null> {
  const file = join(process.env['CELERIAC_SHARED_DIR'] ?? join(root, '..', 'shared'), path)
  try {
    await readFile(file)
    return file
  } catch (error) {
    if (process.env['CI'] === 'true') throw error
    return null
  }
}
