import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ApiClient, finalStates } from '../support/api-client.ts'
import { Platform } from '../support/platform.ts'
import { freePort } from '../support/processes.ts'
import { ImageBuild, type BuiltImage } from './image-build.ts'
import { ImageUser } from './image-user.ts'

const execute = promisify(execFile)

const pipeline = `
name: from-images
dag:
  operator_list: [nap, after]
  operator_rels: { nap: [{ target: after, source_index: 0, target_index: 0 }] }
  operator_details:
    nap: { algo_name: algo_local_test_sleep, params: { seconds: 0 } }
    after: { algo_name: algo_local_pass_through }
`

let directory: string
let platform: Platform
let scheduler: BuiltImage
let worker: BuiltImage
/** Of both images, as they share a volume. */
let users: ReadonlyMap<BuiltImage, ImageUser>

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'celeriac-images-'))
  platform = await Platform.create('distributed')
  const build = await ImageBuild.create(directory)
  scheduler = await build.build('scheduler')
  worker = await build.build('worker')
  users = new Map([
    [scheduler, new ImageUser(scheduler.user, [process.execPath])],
    [worker, new ImageUser(worker.user, [process.execPath, join(worker.directory, '.venv/bin/python')])],
  ])
  await chmod(directory, 0o755) // or only who made it could enter it
  for (const [image, user] of users) await user.own(image.volume)
  await users.get(worker)!.own(platform.dataDir)
  // A gigabyte of packages was written: until it is on the disk, RabbitMQ's fsyncs wait behind it, and services give up.
  await execute('sync')
}, 300_000)

/** Runs a command of an image to its end, as the image's user. */
function inImage(image: BuiltImage, command: readonly string[], env: NodeJS.ProcessEnv) {
  const [first, ...args] = users.get(image)!.command(command)
  return execute(first, args, { cwd: image.directory, env })
}

afterAll(async () => {
  await platform.destroy()
  await rm(directory, { recursive: true, force: true })
})

/** The service of an image, as its ENTRYPOINT and CMD start it. */
class Container {
  readonly #image: BuiltImage
  readonly #child: ChildProcess
  readonly #env: NodeJS.ProcessEnv
  readonly url: string
  #output = ''

  private constructor(image: BuiltImage, port: number) {
    this.#image = image
    this.url = `http://127.0.0.1:${port}`
    this.#env = environment(image, { CELERIAC_HTTP_PORT: String(port), CELERIAC_CONCURRENCY: '1' })
    const [command, ...args] = users.get(image)!.command(image.command)
    this.#child = spawn(command, args, {
      cwd: image.directory,
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child.stdout?.on('data', (text: Buffer) => (this.#output += String(text)))
    this.#child.stderr?.on('data', (text: Buffer) => (this.#output += String(text)))
  }

  get #isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** All that it printed, for failure messages. */
  get output(): string {
    return this.#output
  }

  static async start(image: BuiltImage): Promise<Container> {
    return new Container(image, await freePort())
  }

  /** Runs the HEALTHCHECK until it succeeds. */
  async untilHealthy(): Promise<void> {
    const check = () => inImage(this.#image, this.#image.healthcheck, this.#env)
    const ended = once(this.#child, 'exit').then(([code, signal]) => {
      throw new Error(`the service ended: ${code ?? signal}`)
    })
    const healthy = vi.waitFor(check, { timeout: 60_000, interval: 250 })
    await Promise.race([healthy, ended]).catch((cause: unknown) => {
      throw new Error(this.#output, { cause })
    })
  }

  async stop(): Promise<number | null> {
    if (this.#isRunning) {
      const exited = once(this.#child, 'exit')
      this.#child.kill('SIGTERM')
      await exited
    }
    return this.#child.exitCode
  }
}

/** Only what the image and the compose file would set: nothing of the tests' environment leaks in. */
const environment = (image: BuiltImage, more: Record<string, string> = {}): NodeJS.ProcessEnv => ({
  HOME: directory,
  CELERIAC_AMQP_URL: platform.amqpUrl,
  CELERIAC_DATABASE_URL: platform.databaseUrl,
  CELERIAC_QUEUE_PREFIX: `${platform.name}.`,
  CELERIAC_API_TOKEN: 'test-token',
  CELERIAC_ARTIFACT_URL: `file://${platform.dataDir}/artifacts`,
  ...image.env,
  ...more,
})

test('the images hold what runs and nothing that only builds or tests', () => {
  const has = (image: BuiltImage, path: string): boolean => existsSync(join(image.directory, path))
  for (const image of [scheduler, worker]) {
    expect(has(image, 'node_modules/.bin/celeriac')).toBe(true)
    for (const tool of ['typescript', 'vitest', 'oxlint'])
      expect(has(image, `node_modules/${tool}`)).toBe(false)
    expect(has(image, 'apps/cli/test')).toBe(false)
    expect(has(image, '.git')).toBe(false)
  }
  expect(has(worker, '.venv/bin/python')).toBe(true)
  expect(has(scheduler, '.venv')).toBe(false)
})

test('their user is not root, and writes nothing but the volume', async () => {
  for (const image of [scheduler, worker]) {
    const touch = (path: string) => inImage(image, ['touch', path], environment(image))
    await touch(join(image.volume, 'written'))
    if (process.getuid?.() === 0)
      await expect(touch(join(image.directory, 'written'))).rejects.toThrow('Permission denied')
    const { stdout } = await inImage(image, ['id', '-u'], environment(image))
    expect(stdout.trim()).not.toBe('0')
  }
})

test('the scheduler image also migrates', async () => {
  const { stdout } = await inImage(scheduler, ['celeriac', 'migrate'], environment(scheduler))
  expect(stdout).toContain('the database is up to date')
})

test('scheduler and worker start from their images, run a pipeline and end well on SIGTERM', async () => {
  const services = [await Container.start(scheduler), await Container.start(worker)]
  let codes: (number | null)[]
  try {
    await Promise.all(services.map((each) => each.untilHealthy()))
    const api = new ApiClient(services[0]!.url, 'test-token')
    const run = await api.submit(pipeline)
    const { state } = await api.waitFor(run.id, finalStates)
    expect(state, services.map((each) => each.output).join('\n')).toBe('succeeded')
  } finally {
    codes = await Promise.all(services.map((each) => each.stop()))
  }
  expect(codes).toEqual([0, 0])
})
