/** A worker of operators that is a process of its own; it tells its parent which attempts it runs, and runs them for ever. */
import process from 'node:process'
import { buildTopology, createAmqpBroker } from '@celeriac/broker'
import { silentLogger } from '@celeriac/runtime'
import { createTaskWorker } from '../../src/worker/task-worker.ts'
import { FakeExecutor } from './fake-executor.ts'

const { WORKER_AMQP_URL: url = '', WORKER_PREFIX: prefix = '' } = process.env
const topology = buildTopology({ prefix })
const logger = silentLogger()
const broker = createAmqpBroker({
  url,
  topology,
  name: 'frozen',
  logger,
  heartbeatS: 2,
  reconnect: { minMs: 20, maxMs: 100 },
})
const executor = new FakeExecutor()
const run = executor.run.bind(executor)
executor.run = (attempt, listener) => {
  process.send?.(attempt.attemptId)
  return run(attempt, listener)
}
await broker.start()
const worker = createTaskWorker({
  broker,
  topology,
  executors: new Map([[topology.executorQueue('local'), executor]]),
  concurrency: 1,
  prefetchSurplus: 1,
  nodeName: `${process.pid}@test`,
  logger,
})
await worker.start()
process.send?.('ready')
