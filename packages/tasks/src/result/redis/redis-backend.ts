import { AppError, messageOf, type Clock } from '@celeriac/core'
import { newId, systemClock, type Logger } from '@celeriac/runtime'
import { prepareCompression } from '../../serialization/compression.ts'
import { chordPartPrefixes, decodeChordPart, encodeChordPart } from '../chord-part-text.ts'
import { decodeGroup, decodeMeta, encodeGroup, encodeMeta } from '../meta-text.ts'
import type { ChordPart, ChordProgress, ResultBackend, StoredResult } from '../result-backend.ts'
import { chordLeaseMs, resultExpiresMs, type ResultRetention } from '../retention.ts'
import { readyStates, type ResultTuple, type TaskMeta } from '../task-meta.ts'
import { Watchers, type OnMeta } from '../watchers.ts'
import { connectRedis } from './connect-redis.ts'
import { MetaSubscriptions } from './meta-subscriptions.ts'
import type { RedisClient, RedisServer } from './redis-client.ts'
import { toRedisError } from './redis-error.ts'
import { RedisKeys } from './redis-keys.ts'
import { textOfStored } from './stored-text.ts'

export interface RedisBackendOptions extends ResultRetention {
  readonly server: RedisServer
  /** Celery's `global_keyprefix`. @default none */
  readonly keyPrefix?: string
  /** A server that owes a reply for longer is taken for dead. In milliseconds. @default 10,000 */
  readonly replyTimeoutMs?: number
  readonly clock?: Clock
  readonly logger?: Logger
}

const keysPerCommand = 500
/** Where results are kept for ever, that a chord is over is known for a week: longer than messages are repeated. */
const doneKeptS = 604_800

/**
 * Results in redis under Celery's keys, in Celery's format: Python and Celeriac, clients and workers, read each other's.
 * Chords are described in redis-scripts.ts. Python workers must keep `result_chord_ordered`, which is the default.
 */
export class RedisBackend implements ResultBackend {
  readonly name = 'redis'
  readonly hasChords = true
  readonly replyTo = null
  readonly #options: RedisBackendOptions
  readonly #keys: RedisKeys
  readonly #ttlS: number
  readonly #leaseMs: number
  readonly #holder = newId()
  readonly #watchers: Watchers
  #client: RedisClient | null = null
  #subscriptions: MetaSubscriptions | null = null

  constructor(options: RedisBackendOptions) {
    this.#options = options
    this.#keys = new RedisKeys(options.keyPrefix)
    this.#ttlS = Math.ceil((resultExpiresMs(options) ?? 0) / 1_000)
    this.#leaseMs = chordLeaseMs(options)
    this.#watchers = new Watchers((taskId) => this.#subscriptions?.remove(this.#keys.task(taskId)))
  }

  async start(): Promise<void> {
    if (this.#client !== null) return
    // Loaded on demand: a program with another backend needs no redis driver.
    const { createRedisClient } = await import('./redis-client.ts')
    await prepareCompression()
    const connect = (): RedisClient =>
      createRedisClient(this.#options.server, this.#options.replyTimeoutMs ?? 10_000)
    const client = connect()
    await connectRedis(client)
    this.#client = client
    this.#subscriptions = new MetaSubscriptions({
      clock: this.#options.clock ?? systemClock,
      connect,
      onMessage: (stored) => this.#tell(stored),
      lookUp: async (keys) => {
        for (const stored of await this.#stored(keys)) this.#tell(stored)
      },
    })
  }

  async stop(): Promise<void> {
    const client = this.#client
    this.#client = null
    this.#watchers.clear()
    await this.#subscriptions?.stop()
    this.#subscriptions = null
    // Waits for the replies of what was sent; on a broken connection there are none to wait for.
    await client?.quit().catch(() => undefined)
    client?.disconnect()
  }

  async store(results: readonly StoredResult[]): Promise<void> {
    const texts = results.map(({ meta }) => encodeMeta(meta))
    await this.#call((client) =>
      Promise.all(
        results.map(({ meta }, index) =>
          client.celeriacStoreMeta(
            this.#keys.task(meta.task_id),
            texts[index] ?? '',
            this.#ttlS,
            readyStates.has(meta.status) ? 1 : 0,
          ),
        ),
      ),
    )
  }

  async find(taskIds: readonly string[]): Promise<ReadonlyMap<string, TaskMeta>> {
    const stored = await this.#stored(taskIds.map((taskId) => this.#keys.task(taskId)))
    const metas = stored.map((bytes) => decodeMeta(textOfStored(bytes)))
    return new Map(metas.map((meta) => [meta.task_id, meta]))
  }

  async watch(taskIds: readonly string[], onMeta: OnMeta): Promise<() => void> {
    const subscriptions = this.#subscriptions
    if (subscriptions === null) throw notStarted()
    const remove = this.#watchers.add(taskIds, onMeta)
    try {
      // A worker stores the end before it acknowledges, and a call is often confirmed by that: the end is there already.
      const waiting = await this.#tellKnown(taskIds)
      if (waiting.length === 0) return remove
      await subscriptions.add(waiting.map((taskId) => this.#keys.task(taskId)))
      await this.#tellKnown(waiting)
    } catch (error) {
      remove()
      throw error
    }
    return remove
  }

  /** Tells what is stored, and gives the ids of those that have not ended. */
  async #tellKnown(taskIds: readonly string[]): Promise<readonly string[]> {
    const known = await this.find(taskIds)
    for (const meta of known.values()) this.#watchers.tell(meta)
    return taskIds.filter((taskId) => !readyStates.has(known.get(taskId)?.status ?? ''))
  }

  async forget(taskIds: readonly string[]): Promise<void> {
    if (taskIds.length > 0)
      await this.#call((client) => client.del(taskIds.map((taskId) => this.#keys.task(taskId))))
  }

  async saveGroup(groupId: string, result: ResultTuple): Promise<void> {
    const key = this.#keys.group(groupId)
    const text = encodeGroup(result)
    await this.#call((client) =>
      this.#ttlS > 0 ? client.setex(key, this.#ttlS, text) : client.set(key, text),
    )
  }

  async findGroup(groupId: string): Promise<ResultTuple | null> {
    const stored = await this.#call((client) => client.getBuffer(this.#keys.group(groupId)))
    return stored === null ? null : decodeGroup(textOfStored(stored))
  }

  async forgetGroup(groupId: string): Promise<void> {
    await this.#call((client) => client.del(this.#keys.group(groupId)))
  }

  async setChordSize(groupId: string, size: number): Promise<void> {
    await this.#call((client) => client.celeriacSetChordSize(...this.#keys.chord(groupId), size, this.#ttlS))
  }

  async growChord(groupId: string, members: number): Promise<void> {
    await this.#call((client) => client.celeriacGrowChord(...this.#keys.chord(groupId), members, this.#ttlS))
  }

  async addChordPart(part: ChordPart): Promise<ChordProgress> {
    const reply = await this.#call((client) =>
      client.celeriacAddChordPartBuffer(
        ...this.#keys.chord(part.groupId),
        encodeChordPart(part),
        part.groupIndex ?? '+inf',
        ...chordPartPrefixes(part.taskId),
        `${this.#holder}/${part.taskId}`,
        this.#leaseMs,
        this.#ttlS,
        part.taskId,
      ),
    )
    switch (String(reply[0])) {
      case 'waiting':
        return { kind: 'waiting', counted: Number(reply[1]), size: reply[2] === -1 ? null : Number(reply[2]) }
      case 'complete':
        return { kind: 'complete', parts: partsOf(part.groupId, reply[1] as readonly Buffer[]) }
      case 'claimed':
        return { kind: 'claimed', retryAfterMs: Number(reply[1]) }
      default:
        return { kind: 'ended' }
    }
  }

  async endChord(groupId: string, outcome: 'published' | 'failed'): Promise<void> {
    await this.#call((client) =>
      client.celeriacEndChord(...this.#keys.chord(groupId), this.#doneTtlS, outcome === 'failed' ? 1 : 0),
    )
  }

  removeExpired(): Promise<number> {
    return Promise.resolve(0)
  }

  get #doneTtlS(): number {
    return this.#ttlS > 0 ? this.#ttlS : doneKeptS
  }

  /** What lies under these keys, in their order; keys that do not exist are left out. */
  async #stored(keys: readonly string[]): Promise<readonly Buffer[]> {
    const chunks: string[][] = []
    for (let from = 0; from < keys.length; from += keysPerCommand)
      chunks.push(keys.slice(from, from + keysPerCommand))
    const replies = await this.#call((client) => Promise.all(chunks.map((chunk) => client.mgetBuffer(chunk))))
    return replies.flat().filter((stored) => stored !== null)
  }

  #tell(stored: Buffer): void {
    try {
      this.#watchers.tell(decodeMeta(textOfStored(stored)))
    } catch (error) {
      this.#options.logger?.warn({ err: messageOf(error) }, 'a result in redis cannot be read')
    }
  }

  async #call<T>(work: (client: RedisClient) => Promise<T>): Promise<T> {
    if (this.#client === null) throw notStarted()
    try {
      return await work(this.#client)
    } catch (error) {
      throw toRedisError(error)
    }
  }
}

const notStarted = (): AppError => new AppError('STORE_UNAVAILABLE', 'the result backend is not started')

/** Parts with their scores, in the header's order. What a Python worker counted twice is taken once. */
function partsOf(groupId: string, flat: readonly Buffer[]): readonly ChordPart[] {
  const parts = new Map<string, ChordPart>()
  for (let index = 0; index < flat.length; index += 2) {
    const part = decodeChordPart(textOfStored(flat[index] ?? Buffer.of()))
    const score = String(flat[index + 1])
    if (!parts.has(part.taskId))
      parts.set(part.taskId, { ...part, groupId, groupIndex: score === 'inf' ? null : Number(score) })
  }
  return [...parts.values()]
}
