import { AppError, partitionCount } from '@celeriac/core'

export type ExchangeType = 'direct' | 'fanout' | 'topic'

export interface ExchangeSpec {
  readonly name: string
  readonly type: ExchangeType
  readonly isDurable: boolean
}

/** A durable queue of the topology. What is absent is the broker's default. */
export interface QueueSpec {
  readonly name: string
  readonly type: 'classic' | 'quorum'
  /** Returns to the queue before a message is dead-lettered: it is delivered `deliveryLimit + 1` times at most. */
  readonly deliveryLimit?: number
  /** Where rejected, expired and too often delivered messages go; without it they are dropped. */
  readonly deadLetter?: { readonly exchange: string; readonly routingKey: string }
  /** Most messages waiting; further publishes are refused with a negative confirm. */
  readonly maxLength?: number
  /** One consumer at a time gets messages; when it goes, the next in line takes over. */
  readonly isSingleActiveConsumer?: boolean
}

export interface BindingSpec {
  readonly exchange: string
  readonly queue: string
  readonly routingKey: string
}

/** Names, arguments and bindings of everything durable on the broker. Both adapters assert exactly this. */
export interface Topology {
  /** Put in front of every name; '' in production. */
  readonly prefix: string
  readonly exchanges: readonly ExchangeSpec[]
  readonly queues: readonly QueueSpec[]
  readonly bindings: readonly BindingSpec[]
  /** Celery's default queue, for plain tasks: classic and without arguments, so that stock clients can declare it. */
  readonly celeryQueue: string
  /** Queue of the tasks of one executor. Throws CONFIG_INVALID for an executor that has none. */
  executorQueue(executor: string): string
  /** Executors that have a queue. */
  readonly executors: readonly ExecutorName[]
  /** Event queue of an engine partition (0 … partitionCount − 1). Throws INTERNAL_ERROR outside of that. */
  eventQueue(partition: number): string
  /** Messages that no consumer could handle; the engine consumes it. */
  readonly undelivered: string
  /** Parked malformed messages; nobody consumes it. */
  readonly deadLetter: string
  readonly deadLetterExchange: string
  /** Celery's worker and task events (topic). */
  readonly eventExchange: string
  /** Celery's remote control (fanout). */
  readonly controlExchange: string
  /** Answers to remote control (direct). */
  readonly controlReplyExchange: string
  /** Live changes of runs, for browsers (fanout). */
  readonly liveExchange: string
}

export const executorNames = ['local', 'dc', 'predict'] as const
export type ExecutorName = (typeof executorNames)[number]

/** Six deliveries: enough to outlive a rolling restart, few enough to end a task that kills its worker. */
const executorDeliveryLimit = 5
/** Predictions have deadlines of a second or so: what waits behind a thousand others is late anyway. */
const predictMaxLength = 1_000

const isExecutorName = (name: string): name is ExecutorName =>
  (executorNames as readonly string[]).includes(name)

/** The one place of names on the broker. `prefix` sets apart installations (and tests) that share a virtual host. */
export function buildTopology({ prefix = '' }: { readonly prefix?: string } = {}): Topology {
  const named = (name: string): string => `${prefix}${name}`
  const celeryQueue = named('celery')
  const undelivered = named('celeriac.undelivered')
  const deadLetter = named('celeriac.dead-letter')
  const deadLetterExchange = named('celeriac.dlx')
  const eventExchange = named('celeryev')
  const controlExchange = named('celery.pidbox')
  const controlReplyExchange = named('reply.celery.pidbox')
  const liveExchange = named('celeriac.live')
  const eventQueues = Array.from({ length: partitionCount }, (_, partition) =>
    named(`celeriac.events.${partition}`),
  )
  const toUndelivered = { exchange: deadLetterExchange, routingKey: undelivered }

  return {
    prefix,
    exchanges: [
      { name: deadLetterExchange, type: 'direct', isDurable: true },
      { name: celeryQueue, type: 'direct', isDurable: true },
      { name: eventExchange, type: 'topic', isDurable: true },
      { name: controlExchange, type: 'fanout', isDurable: false },
      { name: controlReplyExchange, type: 'direct', isDurable: false },
      { name: liveExchange, type: 'fanout', isDurable: false },
    ],
    queues: [
      // Before the queues that dead-letter to it, so that no message can fall between.
      { name: undelivered, type: 'quorum' },
      { name: deadLetter, type: 'quorum' },
      { name: celeryQueue, type: 'classic' },
      ...(['local', 'dc'] as const).map((executor) => ({
        name: named(`celeriac.${executor}`),
        type: 'quorum' as const,
        deliveryLimit: executorDeliveryLimit,
        deadLetter: toUndelivered,
      })),
      { name: named('celeriac.predict'), type: 'classic', maxLength: predictMaxLength },
      ...eventQueues.map((name) => ({
        name,
        type: 'quorum' as const,
        deadLetter: toUndelivered,
        isSingleActiveConsumer: true,
      })),
    ],
    bindings: [
      { exchange: deadLetterExchange, queue: undelivered, routingKey: undelivered },
      { exchange: celeryQueue, queue: celeryQueue, routingKey: celeryQueue },
    ],
    celeryQueue,
    executors: executorNames,
    executorQueue(executor) {
      if (isExecutorName(executor)) return named(`celeriac.${executor}`)
      throw new AppError('CONFIG_INVALID', 'there is no queue for this executor', {
        details: { executor, executors: [...executorNames] },
      })
    },
    eventQueue(partition) {
      const queue = eventQueues[partition]
      if (queue !== undefined) return queue
      throw new AppError('INTERNAL_ERROR', 'there is no such partition', { details: { partition } })
    },
    undelivered,
    deadLetter,
    deadLetterExchange,
    eventExchange,
    controlExchange,
    controlReplyExchange,
    liveExchange,
  }
}

/**
 * The queue's arguments in RabbitMQ's words. A stock Celery worker that declares the queue itself must use the same
 * ones. A quorum queue with a dead-letter exchange hands messages over "at least once": the default strategy may lose
 * the message on its way, and with it the end of its run. That strategy demands `reject-publish`.
 */
export function queueArguments(queue: QueueSpec): Readonly<Record<string, string | number | boolean>> {
  return {
    // A plain classic queue has no arguments at all: Celery's clients declare `celery` without any.
    ...(queue.type === 'quorum' ? { 'x-queue-type': 'quorum' } : {}),
    ...(queue.deliveryLimit === undefined ? {} : { 'x-delivery-limit': queue.deliveryLimit }),
    ...(queue.isSingleActiveConsumer === true ? { 'x-single-active-consumer': true } : {}),
    ...(queue.maxLength === undefined
      ? {}
      : { 'x-max-length': queue.maxLength, 'x-overflow': 'reject-publish' }),
    ...(queue.deadLetter === undefined
      ? {}
      : {
          'x-dead-letter-exchange': queue.deadLetter.exchange,
          'x-dead-letter-routing-key': queue.deadLetter.routingKey,
        }),
    ...(queue.type === 'quorum' && queue.deadLetter !== undefined
      ? { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' }
      : {}),
  }
}
