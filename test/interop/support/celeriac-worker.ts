import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testAmqpUrl, useTestRedis, type TestRedis } from '@celeriac/testkit'
import { expect, vi } from 'vitest'
import { PlatformProcess, root } from '../../support/processes.ts'
import { ownNames } from '../stock-celery.ts'
import { PythonClient } from './python-client.ts'

export type BackendKind = 'redis' | 'rpc'

/** Compiled by `npm run build`. */
export const tasksModule = join(root, 'test', 'interop', 'tasks', 'dist', 'tasks.js')

/** A worker of ours, started by the command that users start it by. */
export class CeleriacWorker {
  readonly process: PlatformProcess
  readonly #dataDir: string

  private constructor(process: PlatformProcess, dataDir: string) {
    this.process = process
    this.#dataDir = dataDir
  }

  static async start(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<CeleriacWorker> {
    const dataDir = await mkdtemp(join(tmpdir(), 'celeriac-interop-'))
    const started = new PlatformProcess(['worker', '--import', tasksModule, '--http-port', '0', ...args], {
      CELERIAC_LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'warn',
      CELERIAC_DATA_DIR: dataDir,
      ...env,
    })
    const worker = new CeleriacWorker(started, dataDir)
    const isReady = vi.waitFor(() => expect(started.stdout, started.output).toContain('is ready'), {
      timeout: 60_000,
      interval: 50,
    })
    const ended = started.exited.then(({ stdout, stderr }) => {
      throw new Error(`the worker ended before it was ready:\n${stdout}${stderr}`)
    })
    await Promise.race([isReady, ended]).catch(async (error: unknown) => {
      // Or it would go on beside what other tests start under its name.
      await worker.stop('SIGKILL')
      throw error
    })
    return worker
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.process.stop(signal)
    await rm(this.#dataDir, { recursive: true, force: true })
  }
}

/** A worker of ours and a Celery client, on names of their own. */
export interface Interop {
  readonly worker: CeleriacWorker
  readonly python: PythonClient
  readonly redis: TestRedis
  readonly prefix: string
  /** For further Python programs and workers. */
  readonly env: Readonly<Record<string, string>>
  /** What tasks have left under a key of Redis. */
  effects(key: string): Promise<readonly unknown[]>
  /** Lets the tasks go on that wait for this key. */
  open(key: string): Promise<void>
  close(): Promise<void>
}

export const nodeName = 'ours@test'

/** `args`: of the worker; its default queue and one with priorities are named. */
export async function startInterop({
  kind,
  args = [],
}: {
  readonly kind: BackendKind
  readonly args?: readonly string[]
}): Promise<Interop> {
  const redis = await useTestRedis()
  const names = await ownNames()
  const { prefix } = names
  // Celery 5.2 knows no prefix of keys: `npm run test:interop:celery52` has a Redis of its own.
  const keyPrefix = process.env['CELERIAC_TEST_BARE_KEYS'] === undefined ? redis.keyPrefix : ''
  const env = {
    TEST_AMQP_URL: testAmqpUrl(),
    TEST_REDIS_URL: redis.url,
    CELERIAC_AMQP_URL: testAmqpUrl(),
    CELERIAC_QUEUE_PREFIX: prefix,
    CELERIAC_TEST_PREFIX: prefix,
    CELERIAC_TEST_BACKEND: kind === 'redis' ? redis.url : 'rpc://',
    CELERIAC_TEST_KEY_PREFIX: keyPrefix,
  }
  const queues = `${prefix}celery,${prefix}urgent`
  const python = new PythonClient(env)
  const worker = await CeleriacWorker.start(['--name', nodeName, '-Q', queues, '-c', '4', ...args], env)
  const { client } = redis
  return {
    worker,
    python,
    redis,
    prefix,
    env,
    effects: async (key) =>
      (await client.lrange(`${keyPrefix}${key}`, 0, -1)).map((text) => JSON.parse(text) as unknown),
    open: async (key) => void (await client.set(`${keyPrefix}${key}`, '1')),
    close: async () => {
      await python.close()
      await worker.stop()
      await names.close()
      await redis.close()
    },
  }
}
