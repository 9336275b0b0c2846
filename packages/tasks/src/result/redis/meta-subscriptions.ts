import type { Clock } from '@celeriac/core'
import { connectRedis } from './connect-redis.ts'
import type { RedisClient } from './redis-client.ts'
import { toRedisError } from './redis-error.ts'

/**
 * One connection for all watches. A channel is subscribed to while its key is wanted.
 *
 * Nothing is missed: the caller looks a key up after it was subscribed to, and after a lost connection all channels are
 * subscribed to again first, then all keys are looked up. The look-up goes over another connection, which may come back
 * later than this one: it is tried until it succeeds.
 */
export interface MetaSubscriptionsOptions {
  readonly clock: Clock
  /** Makes a connection for subscriptions. */
  readonly connect: () => RedisClient
  readonly onMessage: (stored: Buffer) => void
  /** Looks all of these keys up and tells what is there. Rejects when redis cannot be reached. */
  readonly lookUp: (keys: readonly string[]) => Promise<void>
}

const channelsPerCommand = 1_000
const lookUpAgainMs = 250
/** A connection that only listens never notices that the other side is gone: it asks. */
const pingIntervalMs = 5_000

export class MetaSubscriptions {
  readonly #options: MetaSubscriptionsOptions
  readonly #wanted = new Set<string>()
  #client: Promise<RedisClient> | null = null
  #cancelPing: () => void = () => undefined
  #cancelLookUp: () => void = () => undefined
  #isStopped = false

  constructor(options: MetaSubscriptionsOptions) {
    this.#options = options
  }

  /** Resolves when every state stored from now on will be told. Rejects with STORE_UNAVAILABLE. */
  async add(keys: readonly string[]): Promise<void> {
    const client = await (this.#client ??= this.#open())
    for (const key of keys) this.#wanted.add(key)
    await subscribe(client, keys)
  }

  remove(key: string): void {
    if (!this.#wanted.delete(key)) return
    // A connection that is away has no subscriptions, and gets the wanted ones only.
    void this.#client?.then((client) => client.unsubscribe(key)).catch(() => undefined)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelPing()
    this.#cancelLookUp()
    this.#wanted.clear()
    const client = await this.#client?.catch(() => null)
    client?.disconnect()
  }

  async #open(): Promise<RedisClient> {
    const client = this.#options.connect()
    client.on('messageBuffer', (_channel: Buffer, stored: Buffer) => this.#options.onMessage(stored))
    try {
      await connectRedis(client)
    } catch (error) {
      this.#client = null
      throw error
    }
    if (this.#isStopped) client.disconnect()
    client.on('ready', () => void this.#restore(client))
    this.#ping(client)
    return client
  }

  async #restore(client: RedisClient): Promise<void> {
    try {
      await subscribe(client, [...this.#wanted])
    } catch {
      return // The connection broke again: its next one comes here too.
    }
    await this.#lookUpAll()
  }

  async #lookUpAll(): Promise<void> {
    this.#cancelLookUp()
    try {
      await this.#options.lookUp([...this.#wanted])
    } catch {
      if (this.#isStopped) return
      this.#cancelLookUp = this.#options.clock.after(lookUpAgainMs, () => void this.#lookUpAll())
    }
  }

  #ping(client: RedisClient): void {
    if (this.#isStopped) return
    this.#cancelPing = this.#options.clock.after(pingIntervalMs, () => {
      void client
        .ping()
        .catch(() => undefined)
        .then(() => this.#ping(client))
    })
  }
}

async function subscribe(client: RedisClient, keys: readonly string[]): Promise<void> {
  try {
    for (let from = 0; from < keys.length; from += channelsPerCommand)
      await client.subscribe(...keys.slice(from, from + channelsPerCommand))
  } catch (error) {
    throw toRedisError(error)
  }
}
