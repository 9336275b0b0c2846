import type { RedisClient } from './redis-client.ts'
import { toRedisError } from './redis-error.ts'

/** @throws AppError STORE_UNAVAILABLE when the first connection fails; the client is closed then */
export async function connectRedis(client: RedisClient): Promise<void> {
  let fault: unknown
  const remember = (error: unknown): void => {
    fault ??= error
  }
  client.on('error', remember)
  try {
    await client.connect()
  } catch (error) {
    client.disconnect()
    throw toRedisError(fault ?? error)
  } finally {
    client.off('error', remember)
  }
}
