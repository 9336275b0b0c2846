import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { accountOf, findProgram, ServiceProcess } from './own-service.ts'
import { freePort } from './processes.ts'

const run = promisify(execFile)

/** Debian keeps the server's programs out of PATH, a directory per version. */
const directories = (): readonly string[] => {
  try {
    const versions = readdirSync('/usr/lib/postgresql').toSorted((a, b) => Number(b) - Number(a))
    return versions.map((version) => `/usr/lib/postgresql/${version}/bin`)
  } catch {
    return ['/opt/homebrew/bin', '/usr/local/pgsql/bin']
  }
}

/** A PostgreSQL cluster of a test's own. */
export class OwnPostgres {
  /** Of the database `postgres`, as its superuser. */
  readonly url: string
  readonly port: number
  readonly #directory: string
  readonly #account: { readonly uid: number; readonly gid: number } | undefined
  #process: ServiceProcess

  private constructor(
    directory: string,
    port: number,
    account: { readonly uid: number; readonly gid: number } | undefined,
  ) {
    this.#directory = directory
    this.#account = account
    this.port = port
    this.url = `postgres://postgres@127.0.0.1:${port}/postgres`
    this.#process = this.#spawn()
  }

  /** Resolves when it answers, after about two seconds. */
  static async start(): Promise<OwnPostgres> {
    const directory = await mkdtemp(join(tmpdir(), 'celeriac-postgres-'))
    // The server refuses to run as root.
    const account = process.getuid?.() === 0 ? accountOf('postgres', 'nobody') : undefined
    if (account) await chown(directory, account.uid, account.gid)
    await run(
      findProgram('initdb', directories(), 'postgresql'),
      [
        '-D',
        join(directory, 'data'),
        '-U',
        'postgres',
        '-A',
        'trust',
        '-E',
        'UTF8',
        '--no-locale',
        '--no-sync',
      ],
      { ...account, cwd: directory },
    )
    const postgres = new OwnPostgres(directory, await freePort(), account)
    await postgres.#untilUp().catch(async (error: unknown) => {
      await postgres.destroy()
      throw error
    })
    return postgres
  }

  get isRunning(): boolean {
    return this.#process.isRunning
  }

  /** `fast` ends all sessions in order; `immediate` ends as a crash does, the next start recovers. */
  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.#process.end(mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
  }

  /** After `stop`: the same cluster on the same data. */
  async startAgain(): Promise<void> {
    this.#process = this.#spawn()
    await this.#untilUp()
  }

  /** SIGSTOP of the server and all its sessions: connections stay open, nothing moves. */
  async freeze(): Promise<void> {
    await this.#signalAll('SIGSTOP')
  }

  async thaw(): Promise<void> {
    await this.#signalAll('SIGCONT')
  }

  /** New transactions of all sessions, old and new ones, may only read; `false` takes it back. */
  async setReadOnly(isReadOnly: boolean): Promise<void> {
    await this.sql(`ALTER SYSTEM SET default_transaction_read_only = ${isReadOnly ? 'on' : 'off'}`)
    await this.sql('SELECT pg_reload_conf()')
  }

  /** One statement as the superuser, in a session of its own that may write. */
  async sql<Row extends object>(text: string, params: readonly unknown[] = []): Promise<readonly Row[]> {
    const client = new pg.Client({
      connectionString: this.url,
      connectionTimeoutMillis: 5_000,
      options: '-c default_transaction_read_only=off',
    })
    await client.connect()
    try {
      return (await client.query<Row>(text, [...params])).rows
    } finally {
      await client.end()
    }
  }

  /** What the server has logged, for failure messages. */
  async log(): Promise<string> {
    return readFile(join(this.#directory, 'server.log'), 'utf8')
  }

  /** Ends it and removes its data. */
  async destroy(): Promise<void> {
    if (this.isRunning) await this.thaw()
    await this.stop('immediate')
    await rm(this.#directory, { recursive: true, force: true })
  }

  #spawn(): ServiceProcess {
    const settings = {
      port: this.port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      // Processes die here, machines do not: what is written is there after a crash.
      fsync: 'off',
      max_connections: 300,
    }
    return new ServiceProcess({
      file: findProgram('postgres', directories(), 'postgresql'),
      args: [
        '-D',
        join(this.#directory, 'data'),
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      env: {},
      logFile: join(this.#directory, 'server.log'),
      ...(this.#account ? { account: this.#account } : {}),
    })
  }

  #untilUp(): Promise<void> {
    return this.#process.until(async () => void (await this.sql('SELECT 1')))
  }

  /** Sessions are processes in groups of their own. */
  async #signalAll(signal: NodeJS.Signals): Promise<void> {
    const { pid } = this.#process
    const { stdout } = await run('ps', ['-o', 'pid=', '--ppid', String(pid)])
    const children = stdout
      .split('\n')
      .map(Number)
      .filter((child) => child > 0)
    // The parent first, so that no session is made meanwhile; on the way back the same order does no harm.
    for (const each of [pid, ...children]) {
      try {
        process.kill(each, signal)
      } catch {
        // A session that has just ended.
      }
    }
  }
}
