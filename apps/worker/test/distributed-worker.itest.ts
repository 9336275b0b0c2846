import { createAmqpBroker } from '@celeriac/broker'
import {
  decodeResultMessage,
  encodeTaskMessage,
  operatorTaskMessage,
  type TaskEvent,
} from '@celeriac/contracts'
import { loadConfig, silentLogger } from '@celeriac/runtime'
import { useTestRabbit } from '@celeriac/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { startDistributedWorker, workerConfigSchema } from '../src/index.ts'

test('a worker on RabbitMQ takes tasks until it is stopped, and then is gone', async () => {
  const rabbit = await useTestRabbit()
  const { topology } = rabbit
  onTestFinished(() => rabbit.close())
  const flags = { amqpUrl: rabbit.url, queuePrefix: topology.prefix, concurrency: '1', httpPort: 0 }
  const { config } = loadConfig(workerConfigSchema, { flags })
  const worker = await startDistributedWorker(config, { logger: silentLogger(), version: '0.0.0' })
  onTestFinished(() => worker.abort())
  const client = createAmqpBroker({ url: rabbit.url, topology, name: 'test', logger: silentLogger() })
  await client.start()
  onTestFinished(() => client.stop())

  const [queue, replyTo] = [topology.executorQueue('local'), topology.eventQueue(0)]
  const heard: TaskEvent[] = []
  await client.consume({
    queue: replyTo,
    prefetch: 0,
    noAck: true,
    onDelivery: (delivery) => {
      const message = decodeResultMessage(delivery)
      // STARTED is sent of attempts that take longer than a moment only.
      if (message.event.status !== 'STARTED') heard.push(message)
    },
  })
  const attempt = {
    attemptId: 'a-1',
    runId: 'run-1',
    operatorId: 'op-1',
    attempt: 1,
    algoName: 'algo_local_nothing',
    params: {},
    inputs: {},
    outputPrefix: 'file:///nowhere/out',
    artifactRoot: 'file:///nowhere',
    datasets: {},
    softTimeLimitS: null,
    timeLimitS: null,
  }
  await client.publish([encodeTaskMessage(operatorTaskMessage(attempt, { replyTo, origin: 'test' }), queue)])
  await expect
    .poll(() => heard, { timeout: 20_000 })
    .toMatchObject([
      {
        taskId: 'a-1',
        event: { status: 'FAILURE', failure: { code: 'TASK_ALGORITHM_NOT_FOUND' }, retryable: false },
      },
    ])
  expect((await fetch(`${worker.url}/readyz`)).status).toBe(200)
  await worker.stop()
  expect(await client.depths([queue])).toMatchObject([{ messages: 0, consumers: 0 }])
  await expect(fetch(`${worker.url}/healthz`)).rejects.toThrow()
})

test('a broker that cannot be reached is told as such', async () => {
  const flags = { amqpUrl: 'amqp://127.0.0.1:1', concurrency: 1, httpPort: 0 }
  const { config } = loadConfig(workerConfigSchema, { flags })
  await expect(
    startDistributedWorker(config, { logger: silentLogger(), version: '0.0.0' }),
  ).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
}, 30_000)
