import { buildTopology, createMemoryBroker, createMemoryServer } from '@celeriac/broker'
import type { Broker, Clock, Delivery } from '@celeriac/core'
import { systemClock } from '@celeriac/runtime'
import { expect, onTestFinished } from 'vitest'
import {
  Celeriac,
  MemoryBackend,
  MemoryResults,
  type CeleriacOptions,
  type TaskMeta,
} from '../../src/index.ts'
import { decodeTaskCall } from '../../src/message/decode-task-call.ts'
import { createMessageCodec } from '../../src/message/message-codec.ts'
import type { TaskCall } from '../../src/message/task-call.ts'

/** An application on a broker and a backend in memory, and the other side of both: queues to read, results to write. */
export async function memoryApp(given: Partial<CeleriacOptions> & { readonly clock?: Clock } = {}) {
  const clock = given.clock ?? systemClock
  const topology = { ...buildTopology(), queues: [], bindings: [], exchanges: [] }
  const server = createMemoryServer({ topology, clock })
  const connect = async (): Promise<Broker> => {
    const broker = createMemoryBroker({ server })
    await broker.start()
    onTestFinished(() => broker.stop())
    return broker
  }
  const [broker, other] = [await connect(), await connect()]
  const results = new MemoryResults()
  const backend = new MemoryBackend({ results, clock })
  const worker = new MemoryBackend({ results, clock })
  await worker.start()
  const app = new Celeriac({ broker, backend, clock, ...given })
  onTestFinished(async () => {
    await app.stop()
    await worker.stop()
  })

  /** The messages that wait in a queue, oldest first; they are taken. */
  const take = async (queue: string, count = 1): Promise<readonly Delivery[]> => {
    const deliveries: Delivery[] = []
    const consumer = await other.consume({
      queue,
      prefetch: 0,
      noAck: true,
      onDelivery: (delivery) => deliveries.push(delivery),
    })
    await expect.poll(() => deliveries.length).toBeGreaterThanOrEqual(count)
    await consumer.cancel()
    return deliveries
  }
  const codec = await createMessageCodec({ accept: ['json', 'msgpack', 'yaml'] })
  const takeCall = async (queue = 'celery'): Promise<TaskCall> => {
    const [delivery] = await take(queue)
    return decodeTaskCall(delivery!, codec)
  }
  /** What a worker stores. */
  const store = (taskId: string, meta: Partial<TaskMeta> = {}): Promise<void> =>
    worker.store([
      {
        replyTo: null,
        meta: {
          task_id: taskId,
          status: 'SUCCESS',
          result: null,
          traceback: null,
          children: [],
          date_done: '2026-11-21T00:00:00+00:00',
          ...meta,
        },
      },
    ])
  return { app, broker, other, worker, take, takeCall, store, clock }
}
