import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import amqp from 'amqplib'
import { findProgram, ServiceProcess } from './own-service.ts'
import { freePort } from './processes.ts'

const run = promisify(execFile)

export interface OwnRabbitOptions {
  /** A delivery that is not acknowledged for so long costs its consumer the channel (RabbitMQ: 30 minutes). */
  readonly consumerTimeoutMs?: number
  /** How often channels look for such deliveries (RabbitMQ: 60 s). */
  readonly channelTickMs?: number
  /** What the server proposes to clients (RabbitMQ: 60 s); both sides take the smaller one. */
  readonly heartbeatS?: number
  /** Share of the machine's memory from which on publishers are blocked. */
  readonly memoryHighWatermark?: number
  /** Free disk below which publishers are blocked, in bytes. */
  readonly diskFreeLimit?: number
}

/** Debian's scripts first: those in PATH there change the user and want the machine's own node. */
const directories = ['/usr/lib/rabbitmq/bin', '/opt/homebrew/sbin', '/usr/local/sbin']

/** A RabbitMQ node of a test's own: its name, ports, data, log and settings are not those of the machine's. */
export class OwnRabbit {
  readonly url: string
  readonly port: number
  readonly #directory: string
  readonly #env: Readonly<Record<string, string>>
  #process: ServiceProcess

  private constructor(directory: string, port: number, env: Readonly<Record<string, string>>) {
    this.#directory = directory
    this.#env = env
    this.port = port
    this.url = `amqp://guest:guest@127.0.0.1:${port}`
    this.#process = this.#spawn()
  }

  /** Resolves when it answers, after about four seconds. */
  static async start(options: OwnRabbitOptions = {}): Promise<OwnRabbit> {
    const directory = await mkdtemp(join(tmpdir(), 'celeriac-rabbit-'))
    const [port, distributionPort] = [await freePort(), await freePort()]
    await writeFile(join(directory, 'rabbitmq.conf'), settingsOf(port, options))
    await writeFile(join(directory, 'advanced.config'), advancedSettingsOf(options))
    await writeFile(join(directory, 'enabled_plugins'), '[].\n')
    // Without this file Debian's is read, which names the machine's own node.
    await writeFile(join(directory, 'rabbitmq-env.conf'), '')
    const rabbit = new OwnRabbit(directory, port, {
      HOME: directory,
      // The server replaces the shell that starts it: its process id is ours to signal.
      RUNNING_UNDER_SYSTEMD: 'true',
      RABBITMQ_NODENAME: `celeriac-${randomBytes(4).toString('hex')}@localhost`,
      RABBITMQ_DIST_PORT: String(distributionPort),
      RABBITMQ_CONFIG_FILE: join(directory, 'rabbitmq.conf'),
      RABBITMQ_ADVANCED_CONFIG_FILE: join(directory, 'advanced.config'),
      RABBITMQ_CONF_ENV_FILE: join(directory, 'rabbitmq-env.conf'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'enabled_plugins'),
      RABBITMQ_FEATURE_FLAGS_FILE: join(directory, 'feature_flags'),
      RABBITMQ_MNESIA_BASE: join(directory, 'mnesia'),
      RABBITMQ_LOG_BASE: join(directory, 'log'),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      ERL_FLAGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    })
    await rabbit.#untilUp().catch(async (error: unknown) => {
      await rabbit.destroy()
      throw error
    })
    return rabbit
  }

  get isRunning(): boolean {
    return this.#process.isRunning
  }

  /** SIGKILL: what it had not written is gone. */
  async kill(): Promise<void> {
    await this.#process.end('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.#process.end('SIGTERM')
  }

  /** After `kill` or `stop`: the same node on the same data. */
  async startAgain(): Promise<void> {
    this.#process = this.#spawn()
    await this.#untilUp()
  }

  /** SIGSTOP: connections stay open, nothing moves. */
  freeze(): void {
    process.kill(this.#process.pid, 'SIGSTOP')
  }

  thaw(): void {
    process.kill(this.#process.pid, 'SIGCONT')
  }

  /** Blocks every connection that publishes, as when memory runs out. */
  async raiseMemoryAlarm(): Promise<void> {
    await this.ctl('set_vm_memory_high_watermark', '0.00001')
  }

  async clearMemoryAlarm(): Promise<void> {
    await this.ctl('set_vm_memory_high_watermark', '0.6')
  }

  /** Blocks every connection that publishes, as when the disk runs full. */
  async raiseDiskAlarm(): Promise<void> {
    await this.ctl('set_disk_free_limit', '1000000GB')
  }

  async clearDiskAlarm(): Promise<void> {
    await this.ctl('set_disk_free_limit', '1MB')
  }

  /** Messages per queue, delivered or not. */
  async messages(): Promise<ReadonlyMap<string, number>> {
    const text = await this.ctl('list_queues', 'name', 'messages', '--no-table-headers')
    const rows = text.split('\n').filter((line) => line.includes('\t'))
    return new Map(rows.map((line) => line.split('\t')).map(([name = '', count]) => [name, Number(count)]))
  }

  /** rabbitmqctl on this node: its output. */
  async ctl(...args: readonly string[]): Promise<string> {
    const file = findProgram('rabbitmqctl', directories, 'rabbitmq-server')
    const { stdout } = await run(file, ['-q', ...args], { env: { ...process.env, ...this.#env } })
    return stdout
  }

  /** What the node has logged, for failure messages. */
  async log(): Promise<string> {
    return readFile(join(this.#directory, 'log', `${this.#env['RABBITMQ_NODENAME']}.log`), 'utf8')
  }

  /** Ends it and removes its data. */
  async destroy(): Promise<void> {
    await this.#process.end('SIGKILL')
    await rm(this.#directory, { recursive: true, force: true })
  }

  #spawn(): ServiceProcess {
    return new ServiceProcess({
      file: findProgram('rabbitmq-server', directories, 'rabbitmq-server'),
      args: [],
      env: this.#env,
      logFile: join(this.#directory, 'output.log'),
    })
  }

  /** The port is open before the node takes logins. */
  #untilUp(): Promise<void> {
    return this.#process.until(async () => {
      const connection = await amqp.connect(this.url, { timeout: 2_000 })
      await connection.close()
    })
  }
}

function settingsOf(
  port: number,
  { heartbeatS, memoryHighWatermark = 0.6, diskFreeLimit = 1_000_000 }: OwnRabbitOptions,
): string {
  return [
    `listeners.tcp.local = 127.0.0.1:${port}`,
    'log.file.level = warning',
    'log.console = false',
    `vm_memory_high_watermark.relative = ${memoryHighWatermark}`,
    `disk_free_limit.absolute = ${diskFreeLimit}`,
    ...(heartbeatS === undefined ? [] : [`heartbeat = ${heartbeatS}`]),
    '',
  ].join('\n')
}

function advancedSettingsOf({ consumerTimeoutMs, channelTickMs }: OwnRabbitOptions): string {
  const rabbit = [
    ...(consumerTimeoutMs === undefined ? [] : [`{consumer_timeout, ${consumerTimeoutMs}}`]),
    ...(channelTickMs === undefined ? [] : [`{channel_tick_interval, ${channelTickMs}}`]),
  ]
  return `[{rabbit, [${rabbit.join(', ')}]}].\n`
}
