import { AppError, partitionCount, type BindingSpec, type ExchangeSpec, type QueueSpec } from '@celeriac/core'

export type { BindingSpec, ExchangeSpec, ExchangeType, QueueSpec } from '@celeriac/core'

/** Names, arguments and bindings of everything durable on the broker. Both adapters assert exactly this. */
export interface Topology {
  /** Put in front of every name; '' in production. */
  readonly prefix: string
  readonly exchanges: readonly ExchangeSpec[]
  readonly queues: readonly QueueSpec[]
  readonly bindings: readonly Extract<BindingSpec, { readonly queue: string }>[]
  /** Celery's default queue, for plain tasks: classic and without arguments, so that stock clients can declare it. */
  readonly celeryQueue: string
  /** Queue of the tasks of one executor. Throws CONFIG_INVALID for an executor that has none. */
  executorQueue(executor: string): string
  /** Executors that have a queue: the built-in ones, then own ones. */
  readonly executors: readonly string[]
  /** Executors that operators may run on: `dc` has no worker yet, and `predict` takes calls, not operators. */
  readonly operatorExecutors: readonly string[]
  /** Event queue of an engine partition (0 … partitionCount − 1). Throws INTERNAL_ERROR outside of that. */
  eventQueue(partition: number): string
  /** Messages that no consumer could handle; the engine consumes it. */
  readonly undelivered: string
  /** Parked malformed messages; nobody consumes it. */
  readonly deadLetter: string
  readonly deadLetterExchange: string
  /**
   * Leads callbacks of plain tasks to the event queue that their routing key names (direct). Celery declares a queue that
   * it is told to publish to, with arguments of its own; an exchange it takes as it is.
   */
  readonly answerExchange: string
  /** Celery's worker and task events (topic). */
  readonly eventExchange: string
  /** Celery's remote control (fanout). */
  readonly controlExchange: string
  /** Answers to remote control (direct). */
  readonly controlReplyExchange: string
  /** Live changes of runs, for browsers (fanout). */
  readonly liveExchange: string
  /** News of models whose versions, aliases or traffic have changed, for schedulers and predict workers (fanout). */
  readonly modelExchange: string
}

/** The built-in executors. */
export const executorNames = ['local', 'dc', 'predict'] as const
export type ExecutorName = (typeof executorNames)[number]

/** Names of own executors; they are part of the names of queues. */
const ownExecutorPattern = /^[a-z][a-z0-9_-]{0,31}$/

/** Six deliveries: enough to outlive a rolling restart, few enough to end a task that kills its worker. */
const executorDeliveryLimit = 5
/** Predictions have deadlines of a second or so: what waits behind a thousand others is late anyway. */
const predictMaxLength = 1_000

export interface TopologyOptions {
  /** Sets apart installations (and tests) that share a virtual host. @default '' */
  readonly prefix?: string
  /** Own executors, beyond the built-in ones: each gets a queue like that of `local`. @default none */
  readonly executors?: readonly string[]
}

/** The one place of names on the broker. Throws CONFIG_INVALID for names that own executors cannot have. */
export function buildTopology({ prefix = '', executors = [] }: TopologyOptions = {}): Topology {
  const ownExecutors = [...new Set(executors)]
  const allExecutors = [...executorNames, ...ownExecutors]
  const named = (name: string): string => `${prefix}${name}`
  const celeryQueue = named('celery')
  const undelivered = named('celeriac.undelivered')
  const deadLetter = named('celeriac.dead-letter')
  const deadLetterExchange = named('celeriac.dlx')
  const answerExchange = named('celeriac.answers')
  const eventExchange = named('celeryev')
  const controlExchange = named('celery.pidbox')
  const controlReplyExchange = named('reply.celery.pidbox')
  const liveExchange = named('celeriac.live')
  const modelExchange = named('celeriac.models')
  const eventQueues = Array.from({ length: partitionCount }, (_, partition) =>
    named(`celeriac.events.${partition}`),
  )
  const toUndelivered = { exchange: deadLetterExchange, routingKey: undelivered }

  const topology: Topology = {
    prefix,
    exchanges: [
      { name: deadLetterExchange, type: 'direct', isDurable: true },
      { name: answerExchange, type: 'direct', isDurable: true },
      { name: celeryQueue, type: 'direct', isDurable: true },
      { name: eventExchange, type: 'topic', isDurable: true },
      { name: controlExchange, type: 'fanout', isDurable: false },
      { name: controlReplyExchange, type: 'direct', isDurable: false },
      { name: liveExchange, type: 'fanout', isDurable: false },
      { name: modelExchange, type: 'fanout', isDurable: false },
    ],
    queues: [
      // Before the queues that dead-letter to it, so that no message can fall between.
      { name: undelivered, type: 'quorum' },
      { name: deadLetter, type: 'quorum' },
      { name: celeryQueue, type: 'classic' },
      ...['local', 'dc', ...ownExecutors].map((executor) => ({
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
      ...eventQueues.map((queue) => ({ exchange: answerExchange, queue, routingKey: queue })),
    ],
    celeryQueue,
    executors: allExecutors,
    operatorExecutors: ['local', ...ownExecutors],
    executorQueue(executor) {
      if (allExecutors.includes(executor)) return named(`celeriac.${executor}`)
      throw new AppError(
        'CONFIG_INVALID',
        'there is no queue for this executor; CELERIAC_EXECUTORS must be the same for all services',
        { details: { executor, executors: allExecutors } },
      )
    },
    eventQueue(partition) {
      const queue = eventQueues[partition]
      if (queue !== undefined) return queue
      throw new AppError('INTERNAL_ERROR', 'there is no such partition', { details: { partition } })
    },
    undelivered,
    deadLetter,
    deadLetterExchange,
    answerExchange,
    eventExchange,
    controlExchange,
    controlReplyExchange,
    liveExchange,
    modelExchange,
  }
  refuseUnusableNames(ownExecutors, topology)
  return topology
}

/** Names that no queue can have, that are built in, or whose queue or exchange is something else already. */
function refuseUnusableNames(ownExecutors: readonly string[], { prefix, queues, exchanges }: Topology): void {
  const taken = [...queues, ...exchanges].map(({ name }) => name)
  const problems = ownExecutors.flatMap((executor) => {
    if (!ownExecutorPattern.test(executor))
      return [`${executor} cannot name an executor: up to 32 of a-z, 0-9, _ and - are expected`]
    const uses = taken.filter((name) => name === `${prefix}celeriac.${executor}`).length
    return uses > 1 ? [`${executor} is a name that Celeriac uses itself`] : []
  })
  if (problems.length === 0) return
  throw new AppError('CONFIG_INVALID', 'the configuration has faults', {
    details: {
      problems: problems.map((message) => ({ setting: 'executors', source: 'CELERIAC_EXECUTORS', message })),
    },
  })
}

/** The error of deleting a queue that every service asserts. */
export const fixedQueue = (queue: string): AppError =>
  new AppError('CONFIG_INVALID', 'the queue belongs to the fixed topology and cannot be deleted', {
    details: { queue },
  })
