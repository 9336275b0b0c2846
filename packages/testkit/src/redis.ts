import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'

/** A key prefix of its own on the test server, named by TEST_REDIS_URL, and a way to it beside the adapter. */
export interface TestRedis {
  readonly url: string
  /** Ends with a dot, so that Celery adds nothing to it. */
  readonly keyPrefix: string
  /** A connection of the test's own. */
  readonly client: Redis
  /** Deletes all keys of the prefix and disconnects. */
  close(): Promise<void>
}

export const testRedisUrl = (): string => process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379'

/** Rejects when the server cannot be reached: an integration test never skips itself. */
export async function useTestRedis(): Promise<TestRedis> {
  const url = testRedisUrl()
  const keyPrefix = `test-${randomUUID()}.`
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => null })
  client.on('error', () => undefined)
  await client.connect()
  return {
    url,
    keyPrefix,
    client,
    close: async () => {
      for await (const keys of client.scanStream({ match: `${keyPrefix}*`, count: 1_000 }) as AsyncIterable<
        string[]
      >)
        if (keys.length > 0) await client.del(keys)
      await client.quit()
    },
  }
}
