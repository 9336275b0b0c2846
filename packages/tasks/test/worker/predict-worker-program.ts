/**
 * A predict worker that is a process of its own. It tells its parent of every call; with WORKER_HOLDS, it never answers;
 * rows that say `crash` end the process.
 */
import process from 'node:process'
import { buildTopology, createAmqpBroker } from '@celeriac/broker'
import { silentLogger } from '@celeriac/runtime'
import type { PredictRuntime } from '@celeriac/tasks'
import { createTaskWorker } from '../../src/worker/task-worker.ts'

const { WORKER_AMQP_URL: url = '', WORKER_PREFIX: prefix = '', WORKER_HOLDS } = process.env
const topology = buildTopology({ prefix })
const logger = silentLogger()
const broker = createAmqpBroker({ url, topology, name: 'predict', logger })
const runtime: PredictRuntime = {
  name: 'predict',
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  predict: ({ rows }) => {
    process.send?.('taken')
    if (rows.some((row) => Object.values(row)[0] === 'crash')) process.kill(process.pid, 'SIGKILL')
    if (WORKER_HOLDS !== undefined) return new Promise(() => {})
    return Promise.resolve({
      predictions: rows.map((row) => ({ predict_result: Object.values(row)[0] as number })),
      model: { name: 'm' },
      runtime: 'native',
      timing: { queueMs: 0, computeMs: 0, batchRows: rows.length },
    })
  },
}
await broker.start()
const worker = createTaskWorker({
  broker,
  topology,
  executors: new Map(),
  predict: { queue: topology.executorQueue('predict'), runtime, prefetch: 4 },
  concurrency: 1,
  nodeName: `${process.pid}@test`,
  logger,
})
await worker.start()
process.send?.('ready')
