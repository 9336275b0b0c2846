/** Plain tasks on a real RabbitMQ, with results in memory or Redis. */
import { fork, type ChildProcess } from 'node:child_process'
import path from 'node:path'
import { createAmqpBroker } from '@celeriac/broker'
import type { Broker } from '@celeriac/core'
import { silentLogger, systemClock } from '@celeriac/runtime'
import { useTestRabbit, useTestRedis, type TestRabbit, type TestRedis } from '@celeriac/testkit'
import { onTestFinished } from 'vitest'
import { backendFromUrl, MemoryBackend, MemoryResults } from '@celeriac/tasks'
import type { Surroundings } from './plain-setup.ts'
import { typescript, untilReady } from './typescript-children.ts'

export interface RabbitSurroundings extends Surroundings {
  readonly rabbit: TestRabbit
  connect(url?: string): Promise<Broker>
}

export function inRabbit(rabbit: TestRabbit): RabbitSurroundings {
  const { topology } = rabbit
  const results = new MemoryResults()
  return {
    rabbit,
    topology,
    clock: systemClock,
    connect: async (url = rabbit.url) => {
      const reconnect = { minMs: 20, maxMs: 100 }
      const broker = createAmqpBroker({ url, topology, name: 'test', logger: silentLogger(), reconnect })
      await broker.start()
      onTestFinished(() => broker.stop())
      return broker
    },
    backend: () => new MemoryBackend({ results }),
  }
}

/** As `inRabbit`, with results in Redis, and workers that are processes: they can be killed. */
export async function inProcesses(): Promise<
  RabbitSurroundings & {
    readonly redis: TestRedis
    startProcess(settings?: Readonly<Record<string, string>>): Promise<ChildProcess>
    /** Loads one, which takes seconds; the result starts it. */
    loadProcess(settings?: Readonly<Record<string, string>>): Promise<() => Promise<ChildProcess>>
    close(): Promise<void>
  }
> {
  const [rabbit, redis] = [await useTestRabbit(), await useTestRedis()]
  const { url, keyPrefix } = redis
  const loadProcess = async (settings: Readonly<Record<string, string>> = {}) => {
    const child = fork(path.join(import.meta.dirname, 'worker-program.ts'), {
      ...typescript,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: {
        ...process.env,
        WORKER_AMQP_URL: rabbit.url,
        WORKER_PREFIX: rabbit.topology.prefix,
        WORKER_REDIS_URL: url,
        WORKER_KEY_PREFIX: keyPrefix,
        ...settings,
      },
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    await untilReady(child)
    return async (): Promise<ChildProcess> => {
      const isReady = untilReady(child)
      child.send('start')
      await isReady
      return child
    }
  }
  return {
    ...inRabbit(rabbit),
    backend: () => backendFromUrl(url, { keyPrefix }),
    redis,
    startProcess: async (settings) => (await loadProcess(settings))(),
    loadProcess,
    close: async () => {
      await rabbit.close()
      await redis.close()
    },
  }
}
