/** A worker process of the platform with its pool of Python processes, for the chain of trivial operators. */
import { buildTopology, createAmqpBroker } from '@celeriac/broker'
import { silentLogger } from '@celeriac/runtime'
import { startWorker } from '@celeriac/worker'

const [amqpUrl = '', prefix = ''] = process.argv.slice(2)
const topology = buildTopology({ prefix })
const broker = createAmqpBroker({ url: amqpUrl, topology, name: 'bench-worker', logger: silentLogger() })
await broker.start()
const worker = await startWorker({
  broker,
  topology,
  settings: {
    queues: ['local'],
    executor: {},
    concurrency: 4,
    name: null,
    python: process.env['CELERIAC_PYTHON'] ?? null,
    algorithmsDir: null,
    taskMemoryMib: null,
    maxTasksPerChild: 10_000,
    drainTimeoutS: 5,
  },
  logger: silentLogger(),
  http: null,
  version: 'bench',
})
process.on('SIGTERM', () => {
  void worker
    .stop()
    .then(() => broker.stop())
    .then(() => process.exit(0))
})
process.send?.('ready')
