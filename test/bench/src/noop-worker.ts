/** A worker process of the platform whose executor does nothing: what remains is the queue, the messages, the engine. */
import { buildTopology, createAmqpBroker } from '@celeriac/broker'
import type { AttemptHandle, AttemptListener, Executor, OperatorAttempt } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { createTaskWorker } from '@celeriac/tasks'

const [amqpUrl = '', prefix = ''] = process.argv.slice(2)

const noop: Executor = {
  name: 'local',
  start: async () => {},
  stop: async () => {},
  run: (attempt: OperatorAttempt, listener: AttemptListener): AttemptHandle => {
    listener.onStarted()
    const outcome = Promise.resolve({
      status: 'succeeded',
      result: { outputs: {}, metrics: {}, compat: [] },
    } as const)
    return { attemptId: attempt.attemptId, outcome }
  },
  status: () => 'unknown',
  cancel: () => {},
  adopt: async () => null,
}

const topology = buildTopology({ prefix })
const broker = createAmqpBroker({ url: amqpUrl, topology, name: 'bench-worker', logger: silentLogger() })
await broker.start()
const worker = createTaskWorker({
  broker,
  topology,
  executors: new Map([[topology.executorQueue('local'), noop]]),
  concurrency: 256,
  prefetchSurplus: 256,
  nodeName: `bench-${process.pid}@localhost`,
  logger: silentLogger(),
})
await worker.start()
process.on('SIGTERM', () => {
  void worker
    .stop()
    .then(() => broker.stop())
    .then(() => process.exit(0))
})
process.send?.('ready')
