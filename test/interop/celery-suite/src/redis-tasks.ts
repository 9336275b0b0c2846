/** Tasks that leave a trace in Redis, where the tests look for it. */
import { Redis } from 'ioredis'
import { z } from 'zod'
import { anyValue, app, nameOf, redisAddress } from './app.ts'

/** A connection for each call: none is left that would keep the worker from ending. */
export async function withRedis<Result>(use: (redis: Redis) => Promise<Result>): Promise<Result> {
  const redis = new Redis(redisAddress)
  try {
    return await use(redis)
  } finally {
    redis.disconnect()
  }
}

/** What redis-py writes: text, numbers and bytes. */
const written = z.union([
  z.string(),
  z.number(),
  z.instanceof(Uint8Array).transform((bytes) => Buffer.from(bytes)),
])

export const redisEcho = app.task(
  nameOf('redis_echo'),
  z.object({ message: written, redis_key: z.string().default('redis-echo') }),
  async ({ message, redis_key }) => {
    await withRedis((redis) => redis.rpush(redis_key, message))
    return null
  },
)

app.task(
  nameOf('redis_echo_group_id'),
  z.object({ _: anyValue, redis_key: z.string().default('redis-group-ids') }),
  async ({ redis_key }, { request }) => {
    await withRedis((redis) => redis.rpush(redis_key, request.group ?? ''))
    return null
  },
)

app.task(
  nameOf('redis_count'),
  z.object({ redis_key: z.string().default('redis-count') }),
  async ({ redis_key }) => {
    await withRedis((redis) => redis.incr(redis_key))
    return null
  },
)

app.task(nameOf('errback_old_style'), z.object({ request_id: z.string() }), async ({ request_id }) => {
  await withRedis((redis) => redis.incr(request_id))
  return request_id
})

app.task(
  nameOf('errback_new_style'),
  z.object({ request: z.looseObject({ id: z.string() }), exc: anyValue, tb: anyValue }),
  async ({ request }) => {
    await withRedis((redis) => redis.incr(request.id))
    return request.id
  },
  { takesFailure: true },
)
