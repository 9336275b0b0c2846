import {
  AppError,
  messageOf,
  type Broker,
  type Consumer,
  type Delivery,
  type OutgoingMessage,
} from '@celeriac/core'
import { newId, type Logger } from '@celeriac/runtime'
import { decodeMeta, encodeMeta } from '../meta-text.ts'
import type { ChordProgress, ResultBackend, StoredResult } from '../result-backend.ts'
import { resultExpiresMs, type ResultRetention } from '../retention.ts'
import type { ResultTuple, TaskMeta } from '../task-meta.ts'
import { unsupported } from '../unsupported.ts'
import { Watchers, type OnMeta } from '../watchers.ts'
import { ArrivedMetas } from './arrived-metas.ts'

/**
 * Results as messages to the queue of the one who called, as Celery's `rpc://`.
 *
 * The reply queue is durable, not exclusive, and expires when nobody has used it for the time that results are kept: so
 * what comes while this process has no connection waits there. It is deleted on `stop`. Messages are acknowledged when
 * they were read, so none is lost on the way; that a state comes twice is harmless. Only this process reads the queue:
 * nobody else can see its results, there is no place for groups, and no chords.
 */
export interface RpcBackendOptions extends Pick<ResultRetention, 'resultExpiresMs'> {
  /** Started and stopped by its owner. */
  readonly broker: Broker
  /** Name of the reply queue, unique. @default `celeriac.reply.` and a new id */
  readonly queue?: string
  /** States kept for those who ask later. @default 10,000, and 64 MiB */
  readonly maxMetas?: number
  readonly maxBytes?: number
  readonly logger?: Logger
}

/** How long a reply queue without expiry of results may lie unused: RabbitMQ wants a time. */
const longestUnusedMs = 7 * 86_400_000
const prefetch = 500
const jsonType = 'application/json'

export class RpcBackend implements ResultBackend {
  readonly name = 'rpc'
  readonly hasChords = false
  readonly replyTo: string
  readonly #options: RpcBackendOptions
  readonly #watchers = new Watchers()
  readonly #arrived: ArrivedMetas
  #consumer: Consumer | null = null

  constructor(options: RpcBackendOptions) {
    this.#options = options
    this.replyTo = options.queue ?? `celeriac.reply.${newId()}`
    this.#arrived = new ArrivedMetas({
      maxMetas: options.maxMetas ?? 10_000,
      maxBytes: options.maxBytes ?? 64 * 1_024 * 1_024,
    })
  }

  async start(): Promise<void> {
    if (this.#consumer !== null) return
    const { broker } = this.#options
    const expiresMs = resultExpiresMs(this.#options) ?? longestUnusedMs
    await broker.declare({ queues: [{ name: this.replyTo, type: 'classic', expiresMs }] })
    this.#consumer = await broker.consume({
      queue: this.replyTo,
      prefetch,
      onDelivery: (delivery) => this.#onDelivery(delivery),
    })
  }

  async stop(): Promise<void> {
    const consumer = this.#consumer
    this.#consumer = null
    this.#watchers.clear()
    this.#arrived.clear()
    if (consumer === null) return
    await consumer.cancel()
    // On a broken connection the queue is left to its expiry.
    await this.#options.broker.deleteQueue(this.replyTo).catch(() => undefined)
  }

  async store(results: readonly StoredResult[]): Promise<void> {
    const messages = results.flatMap(({ meta, replyTo }) =>
      replyTo === null ? [] : [messageTo(replyTo, meta)],
    )
    if (messages.length === 0) return
    const outcomes = await this.#options.broker.publish(messages)
    // Unroutable: the caller and its queue are gone, and nobody else waits for the result.
    if (outcomes.some((outcome) => outcome === 'unknown' || outcome === 'rejected'))
      throw new AppError('BROKER_UNAVAILABLE', 'a result was not confirmed')
  }

  async find(taskIds: readonly string[]): Promise<ReadonlyMap<string, TaskMeta>> {
    this.#requireStarted()
    const found = new Map<string, TaskMeta>()
    for (const taskId of taskIds) {
      const meta = this.#arrived.get(taskId)
      if (meta !== null) found.set(taskId, meta)
    }
    return found
  }

  async watch(taskIds: readonly string[], onMeta: OnMeta): Promise<() => void> {
    const known = await this.find(taskIds)
    const remove = this.#watchers.add(taskIds, onMeta)
    for (const meta of known.values()) this.#watchers.tell(meta)
    return remove
  }

  async forget(taskIds: readonly string[]): Promise<void> {
    for (const taskId of taskIds) this.#arrived.delete(taskId)
  }

  saveGroup(_groupId: string, _result: ResultTuple): Promise<void> {
    return Promise.reject(unsupported('rpc', 'saved groups'))
  }

  findGroup(_groupId: string): Promise<ResultTuple | null> {
    return Promise.reject(unsupported('rpc', 'saved groups'))
  }

  async forgetGroup(): Promise<void> {
    // There is none.
  }

  setChordSize(): Promise<void> {
    return Promise.reject(unsupported('rpc', 'chords'))
  }

  growChord(): Promise<void> {
    return Promise.reject(unsupported('rpc', 'chords'))
  }

  addChordPart(): Promise<ChordProgress> {
    return Promise.reject(unsupported('rpc', 'chords'))
  }

  endChord(): Promise<void> {
    return Promise.reject(unsupported('rpc', 'chords'))
  }

  removeExpired(): Promise<number> {
    return Promise.resolve(0)
  }

  #onDelivery(delivery: Delivery): void {
    try {
      const { contentType, body } = delivery
      if (contentType !== undefined && contentType !== jsonType)
        throw new AppError('BROKER_MESSAGE_MALFORMED', 'a result is not JSON', { details: { contentType } })
      const meta = decodeMeta(new TextDecoder().decode(body))
      if (this.#arrived.put(meta, body.byteLength)) this.#watchers.tell(meta)
    } catch (error) {
      this.#options.logger?.warn({ err: messageOf(error) }, 'a message in the reply queue is not a result')
    }
    delivery.ack()
  }

  #requireStarted(): void {
    if (this.#consumer === null) throw new AppError('BROKER_UNAVAILABLE', 'the result backend is not started')
  }
}

const messageTo = (replyTo: string, meta: TaskMeta): OutgoingMessage => ({
  exchange: '',
  routingKey: replyTo,
  contentType: jsonType,
  contentEncoding: 'utf-8',
  persistent: true,
  priority: 0,
  correlationId: meta.task_id,
  body: new TextEncoder().encode(encodeMeta(meta)),
})
