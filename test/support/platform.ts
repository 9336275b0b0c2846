import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { buildTopology, delayedDeliveryTopology } from '@celeriac/broker'
import { migrate } from '@celeriac/store'
import { copyEmbeddedDatabase } from '@celeriac/testkit'
import amqp from 'amqplib'
import pg from 'pg'
import { ApiClient } from './api-client.ts'
import { freePort, PlatformProcess, root, runCommand } from './processes.ts'
import { until } from './until.ts'

export type Mode = 'embedded' | 'distributed'

/** Where RabbitMQ and PostgreSQL are, the latter as somebody who may create databases. */
export interface Services {
  readonly amqpUrl: string
  readonly databaseUrl: string
}

const sharedServices: Services = {
  amqpUrl: process.env['TEST_AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672',
  databaseUrl: process.env['TEST_DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres',
}

export interface PlatformOptions {
  /** Names of own executors that the installation has. */
  readonly executors?: readonly string[]
  /** Servers of the test's own; default: those that all tests share. */
  readonly services?: Services
  /** No database yet: the platform makes it, as when it starts for the first time (embedded only). */
  readonly isNew?: boolean
}

/** A platform of real processes, on services of its own: a database and a queue prefix per platform. */
export class Platform {
  readonly mode: Mode
  readonly dataDir: string
  readonly name: string
  readonly env: Record<string, string>
  readonly schedulers: { process: PlatformProcess; url: string }[] = []
  readonly workers: PlatformProcess[] = []
  readonly #others: PlatformProcess[] = []
  readonly #executors: readonly string[]
  readonly #services: Services

  private constructor(
    mode: Mode,
    dataDir: string,
    name: string,
    { executors = [], services = sharedServices }: PlatformOptions,
  ) {
    this.mode = mode
    this.#executors = executors
    this.#services = services
    this.dataDir = dataDir
    this.name = name
    this.env = {
      CELERIAC_DATA_DIR: dataDir,
      CELERIAC_LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'warn',
      CELERIAC_API_TOKEN: 'test-token',
      ...(executors.length === 0 ? {} : { CELERIAC_EXECUTORS: executors.join(',') }),
      ...(mode === 'distributed'
        ? {
            CELERIAC_AMQP_URL: this.amqpUrl,
            CELERIAC_DATABASE_URL: this.databaseUrl,
            CELERIAC_QUEUE_PREFIX: `${name}.`,
          }
        : {}),
    }
  }

  static async create(mode: Mode, options: PlatformOptions = {}): Promise<Platform> {
    const dataDir = await mkdtemp(join(tmpdir(), 'celeriac-'))
    const platform = new Platform(mode, dataDir, `t${randomBytes(4).toString('hex')}`, options)
    if (mode === 'distributed') {
      await withDatabase(platform.#services.databaseUrl, (client) =>
        client.query(`CREATE DATABASE ${platform.name}`),
      )
      // What `celeriac migrate` does, without a process: json-output.e2e.ts and images.e2e.ts run the command.
      await migrate({ url: platform.databaseUrl })
    } else if (options.isNew !== true) await copyEmbeddedDatabase(join(dataDir, 'pglite'))
    return platform
  }

  get databaseUrl(): string {
    return this.databaseUrlAt(this.#services.databaseUrl)
  }

  /** The platform's database at another address of the same server: through a proxy. */
  databaseUrlAt(serverUrl: string): string {
    const url = new URL(serverUrl)
    url.pathname = `/${this.name}`
    return url.href
  }

  get amqpUrl(): string {
    return this.#services.amqpUrl
  }

  get topology() {
    return buildTopology({ prefix: `${this.name}.`, executors: this.#executors })
  }

  /** A client of the first scheduler that runs. */
  get api(): ApiClient {
    const scheduler = this.schedulers.find(({ process: each }) => each.isRunning)
    if (scheduler === undefined) throw new Error('no scheduler runs')
    return new ApiClient(scheduler.url, 'test-token')
  }

  /** Everything in one process (embedded), or these numbers of schedulers and workers. */
  async start({
    schedulers = 1,
    workers = 1,
    concurrency = 2,
    args = [],
  }: {
    readonly schedulers?: number
    readonly workers?: number
    readonly concurrency?: number
    /** More arguments of the process (embedded only). */
    readonly args?: readonly string[]
  } = {}): Promise<this> {
    if (this.mode === 'embedded')
      await this.#startServer(['standalone', '--concurrency', String(concurrency), ...args])
    else {
      await Promise.all(Array.from({ length: schedulers }, () => this.startScheduler()))
      await Promise.all(Array.from({ length: workers }, () => this.startWorker(concurrency)))
    }
    return this
  }

  /** `env`: settings of this one alone, such as an address that leads through a proxy. */
  startScheduler(env: Readonly<Record<string, string>> = {}): Promise<PlatformProcess> {
    return this.#startServer(['scheduler'], env)
  }

  async #startServer(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<PlatformProcess> {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const process = new PlatformProcess(args, { ...this.env, ...env, CELERIAC_HTTP_PORT: String(port) })
    this.schedulers.push({ process, url })
    await untilReady(process, url)
    return process
  }

  /** `env`: settings of this one alone, such as an address that leads through a proxy. */
  async startWorker(
    concurrency = 2,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<PlatformProcess> {
    const port = await freePort()
    const worker = new PlatformProcess(['worker', '--concurrency', String(concurrency), ...args], {
      ...this.env,
      ...env,
      CELERIAC_HTTP_PORT: String(port),
    })
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
    // Services of a test's own go with all that is in them.
    if (this.mode === 'distributed' && this.#services === sharedServices) {
      await withDatabase(this.#services.databaseUrl, (client) =>
        client.query(`DROP DATABASE IF EXISTS ${this.name} WITH (FORCE)`),
      )
      const connection = await amqp.connect(this.amqpUrl)
      const channel = await connection.createChannel()
      const { queues = [], exchanges = [] } = delayedDeliveryTopology({ prefix: this.topology.prefix })
      for (const { name } of [...this.topology.queues, ...queues]) await channel.deleteQueue(name)
      for (const { name } of [...this.topology.exchanges, ...exchanges]) await channel.deleteExchange(name)
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
    await Promise.race([until(check), died])
  } catch (error) {
    // Or it would go on beside what other tests start under its name.
    await process.stop('SIGKILL')
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
