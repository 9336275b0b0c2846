/** A worker that is a process of its own, of `in-rabbit.ts`: it tells when it is loaded, starts when it is told to, and tells when it is ready. */
import { once } from 'node:events'
import process from 'node:process'
import { buildTopology, createAmqpBroker } from '@celeriac/broker'
import { silentLogger } from '@celeriac/runtime'
import { createTaskWorker } from '../../../src/worker/task-worker.ts'
import { ChildPool } from '../../../src/worker/pool/child-pool.ts'
import { spawnProcess } from '../../../src/worker/pool/spawn-child.ts'
import { app } from './child-tasks.ts'
import { childTasksModule, typescript } from './typescript-children.ts'

const { WORKER_AMQP_URL: url = '', WORKER_PREFIX: prefix = '', WORKER_CHILDREN } = process.env
const topology = buildTopology({ prefix })
const logger = silentLogger()
process.send?.('loaded')
await once(process, 'message')
const broker = createAmqpBroker({ url, topology, name: 'worker', logger })
await broker.start()
const worker = createTaskWorker({
  broker,
  topology,
  executors: new Map(),
  concurrency: 2,
  plain: {
    app: await app.forWorker(),
    queues: [topology.celeryQueue],
    isolation: WORKER_CHILDREN === undefined ? 'inline' : 'process',
    pools:
      WORKER_CHILDREN === undefined
        ? []
        : [
            new ChildPool({
              isolation: 'process',
              spawn: spawnProcess(typescript),
              modules: [childTasksModule],
              logger,
            }),
          ],
  },
  nodeName: `${process.pid}@test`,
  logger,
})
await worker.start()
process.send?.('ready')
process.once('SIGTERM', () => void worker.stop().then(() => process.exit(0)))
