import { randomUUID } from 'node:crypto'
import { useTestRabbit, useTestRedis, type TestRabbit, type TestRedis } from '@celeriac/testkit'
import { backendFromUrl, type ResultBackend, type TaskMeta } from '../../src/index.ts'
import { PythonPeer } from '../python/python-peer.ts'

/** Celery's result backends in a Python process, and ours, on the same Redis and RabbitMQ. */
export interface CeleryPeer {
  readonly redis: TestRedis
  readonly rabbit: TestRabbit
  readonly python: PythonPeer
  /** `redis://`, with a short lease of chords. */
  readonly backend: ResultBackend
  close(): Promise<void>
}

export async function startCeleryPeer(): Promise<CeleryPeer> {
  const [redis, rabbit] = [await useTestRedis(), await useTestRabbit()]
  const python = new PythonPeer('result_peer.py', {
    TEST_REDIS_URL: redis.url,
    TEST_AMQP_URL: rabbit.url,
    KEY_PREFIX: redis.keyPrefix,
  })
  const backend = backendFromUrl(redis.url, { keyPrefix: redis.keyPrefix, chordLeaseMs: 500 })
  await backend.start()
  return {
    redis,
    rabbit,
    python,
    backend,
    async close() {
      await python.close()
      await backend.stop()
      await rabbit.close()
      await redis.close()
    },
  }
}

export const aMeta = (over: Partial<TaskMeta> = {}): TaskMeta => ({
  task_id: randomUUID(),
  status: 'SUCCESS',
  result: 4,
  traceback: null,
  children: [],
  date_done: '2026-11-21T00:16:56.839554+00:00',
  ...over,
})
