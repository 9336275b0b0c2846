import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TcpProxy } from '@celeriac/testkit'
import { ApiClient } from './api-client.ts'
import { OwnPostgres } from './own-postgres.ts'
import { OwnRabbit, type OwnRabbitOptions } from './own-rabbit.ts'
import { Platform } from './platform.ts'
import { freePort, PlatformProcess } from './processes.ts'
import { until } from './until.ts'

export type Role = 'scheduler' | 'worker'
export type Service = 'broker' | 'database'

/** The exit code of a process that could not reach broker or database in time. */
const serviceIsAway = 69

/** One scheduler or worker, with a proxy of its own to each service: it can be cut off while its peers are not. */
export class Member {
  readonly role: Role
  readonly name: string
  readonly url: string
  readonly proxies: ReadonlyMap<Service, TcpProxy>
  readonly #start: () => PlatformProcess
  readonly #lives: PlatformProcess[]

  constructor(
    name: string,
    role: Role,
    url: string,
    proxies: ReadonlyMap<Service, TcpProxy>,
    start: () => PlatformProcess,
  ) {
    this.name = name
    this.role = role
    this.url = url
    this.proxies = proxies
    this.#start = start
    this.#lives = [start()]
  }

  get process(): PlatformProcess {
    const last = this.#lives.at(-1)
    if (last === undefined) throw new Error(`${this.name} was never started`)
    return last
  }

  /** What all its processes have printed. */
  get output(): string {
    return this.#lives.map((life) => life.output).join('\n--- started again\n')
  }

  get api(): ApiClient {
    return new ApiClient(this.url, 'test-token')
  }

  async kill(): Promise<void> {
    this.process.signal('SIGKILL')
    await this.process.exited
  }

  /** After `kill`: another process of the same name at the same address. */
  startAgain(): void {
    this.#lives.push(this.#start())
  }

  /** No byte passes between it and the service, and neither is told. */
  cutOff(service: Service): void {
    this.#proxy(service).pause()
  }

  join(service: Service): void {
    this.#proxy(service).resume()
  }

  /** Its connections to the service are reset once. */
  reset(service: Service): void {
    this.#proxy(service).cut()
  }

  async readiness(): Promise<{ readonly status: number; readonly body: string }> {
    const answer = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(3_000) })
    return { status: answer.status, body: await answer.text() }
  }

  /**
   * One that is started while a service is away gives up after ten seconds: then it is started again, as a service manager
   * does it.
   */
  async ready(timeoutMs = 90_000): Promise<void> {
    const giveUpAt = performance.now() + timeoutMs
    const answer = until(
      async () => {
        const { status, body } = await this.readiness()
        if (status !== 200) throw new Error(`readyz answers ${status} ${body}`)
      },
      { timeoutMs },
    ).then(() => null)
    try {
      for (;;) {
        const ended = await Promise.race([answer, this.process.exited])
        if (ended === null) return
        if (ended.code !== serviceIsAway || performance.now() >= giveUpAt)
          throw new Error(`${this.name} has ended with code ${ended.code}`)
        this.startAgain()
      }
    } catch (error) {
      throw new Error(`${this.name} is not ready:\n${this.output.slice(-8_000)}`, { cause: error })
    }
  }

  async stop(): Promise<void> {
    for (const proxy of this.proxies.values()) proxy.resume()
    await this.process.stop()
    for (const proxy of this.proxies.values()) await proxy.close()
  }

  #proxy(service: Service): TcpProxy {
    const proxy = this.proxies.get(service)
    if (proxy === undefined) throw new Error(`${this.name} does not use the ${service}`)
    return proxy
  }
}

export interface FleetOptions {
  readonly schedulers?: number
  readonly workers?: number
  /** Slots of each worker. */
  readonly concurrency?: number
  readonly rabbit?: OwnRabbitOptions
  /** Settings of all schedulers and workers. */
  readonly env?: Readonly<Record<string, string>>
}

/** Schedulers and workers on a RabbitMQ and a PostgreSQL of their own: all of it may be broken. */
export class Fleet {
  readonly platform: Platform
  readonly rabbit: OwnRabbit
  readonly postgres: OwnPostgres
  readonly members: Member[] = []
  readonly #options: FleetOptions

  private constructor(platform: Platform, rabbit: OwnRabbit, postgres: OwnPostgres, options: FleetOptions) {
    this.platform = platform
    this.rabbit = rabbit
    this.postgres = postgres
    this.#options = options
  }

  /** Resolves when all members are ready. */
  static async start(options: FleetOptions = {}): Promise<Fleet> {
    const { schedulers = 2, workers = 2 } = options
    const [rabbit, postgres] = await Promise.all([OwnRabbit.start(options.rabbit), OwnPostgres.start()])
    const services = { amqpUrl: rabbit.url, databaseUrl: postgres.url }
    const platform = await Platform.create('distributed', { services }).catch(async (error: unknown) => {
      await Promise.all([rabbit.destroy(), postgres.destroy()])
      throw error
    })
    const fleet = new Fleet(platform, rabbit, postgres, options)
    try {
      for (let index = 0; index < schedulers; index++) await fleet.add('scheduler')
      for (let index = 0; index < workers; index++) await fleet.add('worker')
      await Promise.all(fleet.members.map((member) => member.ready()))
    } catch (error) {
      await fleet.destroy()
      throw error
    }
    return fleet
  }

  get schedulers(): readonly Member[] {
    return this.members.filter(({ role }) => role === 'scheduler')
  }

  get workers(): readonly Member[] {
    return this.members.filter(({ role }) => role === 'worker')
  }

  get concurrency(): number {
    return this.#options.concurrency ?? 2
  }

  /** One more member; it is ready later. */
  async add(role: Role, env: Readonly<Record<string, string>> = {}): Promise<Member> {
    const peers = this.members.filter((member) => member.role === role)
    const name = `${role}${peers.length + 1}`
    const port = await freePort()
    const broker = await TcpProxy.before(this.rabbit.url)
    const database = await TcpProxy.before(this.postgres.url)
    const proxies = new Map<Service, TcpProxy>([['broker', broker.proxy]])
    if (role === 'scheduler') proxies.set('database', database.proxy)
    else await database.proxy.close()
    const start = (): PlatformProcess =>
      new PlatformProcess(
        role === 'scheduler'
          ? ['scheduler']
          : ['worker', '--concurrency', String(this.concurrency), '--name', `${name}@chaos`],
        {
          ...this.platform.env,
          CELERIAC_AMQP_URL: broker.url,
          ...(role === 'scheduler'
            ? { CELERIAC_DATABASE_URL: this.platform.databaseUrlAt(database.url) }
            : {}),
          CELERIAC_HTTP_PORT: String(port),
          ...this.#options.env,
          ...env,
        },
      )
    const member = new Member(name, role, `http://127.0.0.1:${port}`, proxies, start)
    this.members.push(member)
    return member
  }

  /** Messages in the platform's durable queues, delivered or not, by queue; empty ones are left out. */
  async messages(): Promise<Readonly<Record<string, number>>> {
    const messages = await this.rabbit.messages()
    const names = this.platform.topology.queues.map(({ name }) => name)
    return Object.fromEntries(
      names.map((name) => [name, messages.get(name) ?? 0] as const).filter(([, count]) => count > 0),
    )
  }

  /** What everybody has printed, into files of this directory. */
  async keepLogs(directory: string): Promise<void> {
    await mkdir(directory, { recursive: true })
    for (const { name, output } of this.members) await writeFile(join(directory, `${name}.log`), output)
    await writeFile(join(directory, 'rabbit.log'), await this.rabbit.log())
    await writeFile(join(directory, 'postgres.log'), await this.postgres.log())
  }

  async destroy(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()))
    await Promise.all([this.rabbit.destroy(), this.postgres.destroy()])
    await this.platform.destroy()
  }
}
