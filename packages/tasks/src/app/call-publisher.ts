import {
  delayedDeliveryBinding,
  delayedDeliveryTopology,
  delayedRoute,
  undelayedRoutingKey,
} from '@celeriac/broker'
import { AppError, type Broker, type Clock, type OutgoingMessage, type QueueSpec } from '@celeriac/core'
import type { CanvasStep, PublishStep } from '../canvas/canvas-step.ts'
import type { ResultBackend } from '../result/result-backend.ts'
import type { TaskQueue } from './app-options.ts'
import { queueDeclaration } from './queue-declaration.ts'

export interface CallPublisherOptions {
  readonly broker: Broker
  readonly backend: ResultBackend
  readonly messageOf: (step: PublishStep, now: number) => OutgoingMessage
  readonly queues: readonly TaskQueue[]
  readonly clock: Clock
  readonly publishTimeoutMs: number
  readonly prefix: string
  readonly delayQueueType: QueueSpec['type']
  readonly tracksPending: boolean
}

const backoffMs = { first: 50, max: 1_000 }

/**
 * Carries out what a client plans: steps in order, consecutive publications together. A call counts as made when the broker
 * has confirmed it or its task answers; one without an answer is published again, under the same id, so that it may be there twice, never
 * not at all.
 */
export class CallPublisher {
  readonly #options: CallPublisherOptions
  readonly #delayed = new Map<string, Promise<void>>()
  readonly #made = new Map<string, Promise<void>>()
  readonly #delayExchange: string | undefined

  constructor(options: CallPublisherOptions) {
    this.#options = options
    this.#delayExchange = delayedRoute(1_000, '', options.prefix)?.exchange
  }

  /**
   * @throws AppError BROKER_UNROUTABLE, BROKER_REJECTED, BROKER_UNAVAILABLE after the publish timeout, with the ids of the
   * calls that were not confirmed; BROKER_MESSAGE_TOO_LARGE; CONFIG_RESULT_BACKEND
   */
  async run(steps: readonly CanvasStep[]): Promise<void> {
    const { backend } = this.#options
    let batch: PublishStep[] = []
    const flush = async (): Promise<void> => {
      const publications = batch
      batch = []
      if (publications.length > 0) await this.#publish(publications)
    }
    for (const step of steps) {
      if (step.kind === 'publish') {
        batch.push(step)
        continue
      }
      await flush()
      switch (step.kind) {
        case 'save_group':
          await backend.saveGroup(step.groupId, step.result)
          break
        case 'set_chord_size':
          if (!backend.hasChords)
            throw new AppError('CONFIG_RESULT_BACKEND', 'this result backend has no chords', {
              details: { backend: backend.name, use: 'redis:// or postgres://' },
            })
          await backend.setChordSize(step.groupId, step.size)
          break
        case 'grow_chord':
        case 'store':
        case 'return_part':
        case 'call_errback':
        case 'end_chord':
          throw new AppError('INTERNAL_ERROR', 'a client cannot carry out this step', {
            details: { step: step.kind },
          })
      }
    }
    await flush()
  }

  async #publish(steps: readonly PublishStep[]): Promise<void> {
    const [only] = steps
    const { name, replyTo } = this.#options.backend
    if (steps.length === 1 && only !== undefined && name === 'rpc' && only.call.replyTo === replyTo)
      await this.#publishOne(only)
    else await this.#publishAll(steps)
  }

  /**
   * A state of the task that comes back proves that the call was made, and is here before the broker's confirm where the
   * worker is fast: RabbitMQ confirms a persistent message when it is on disk or acknowledged.
   */
  async #publishOne(step: PublishStep): Promise<void> {
    let prove = (): void => {}
    let isProven = false
    const proof = new Promise<void>((resolve) => (prove = resolve))
    const unwatch = await this.#options.backend.watch([step.call.id], () => {
      isProven = true
      prove()
    })
    try {
      // An id that was used before has states already, which prove nothing.
      if (isProven) await this.#publishAll([step])
      else await Promise.race([this.#publishAll([step], () => isProven), proof])
    } finally {
      unwatch()
    }
  }

  async #publishAll(steps: readonly PublishStep[], isProven = (): boolean => false): Promise<void> {
    const { broker, clock, publishTimeoutMs } = this.#options
    const now = clock.now()
    const giveUpAt = now + publishTimeoutMs
    let waiting = steps.map((step) => this.#options.messageOf(step, now))
    const delayed = waiting.filter(({ exchange }) => exchange === this.#delayExchange)
    if (delayed.length > 0) await Promise.all(delayed.map((message) => this.#prepareDelay(message)))
    if (this.#options.tracksPending)
      await this.#storePending(
        steps.filter((_, index) => waiting[index]?.headers?.['ignore_result'] !== true),
      )
    for (let tries = 0; ; tries++) {
      const outcomes = await broker.publish(waiting)
      if (isProven()) return
      const unroutable = waiting.filter((_, index) => outcomes[index] === 'unroutable')
      await Promise.all(unroutable.map((message) => this.#makeQueue(message)))
      const fault = outcomes.find((outcome) => outcome !== 'confirmed' && outcome !== 'unroutable')
      waiting = waiting.filter((_, index) => outcomes[index] !== 'confirmed')
      if (waiting.length === 0) return
      if (fault === undefined && tries === 0) continue
      const delayMs = Math.min(backoffMs.max, backoffMs.first * 2 ** tries)
      if (clock.now() + delayMs > giveUpAt) throw notPublished(fault ?? 'unroutable', waiting)
      await new Promise<void>((resolve) => void clock.after(delayMs, resolve))
    }
  }

  /** Before it is sent: afterwards a worker may have told more already. */
  async #storePending(steps: readonly PublishStep[]): Promise<void> {
    const { backend } = this.#options
    if (steps.length === 0) return
    await backend.store(
      steps.map(({ call: { id, replyTo, group, parentId } }) => ({
        replyTo,
        meta: {
          task_id: id,
          status: 'PENDING',
          result: null,
          traceback: null,
          children: [],
          date_done: null,
          group_id: group,
          parent_id: parentId,
        },
      })),
    )
  }

  /** A queue that does not exist is made, as Celery does (`task_create_missing_queues`); once for all who ask together. */
  #makeQueue({ exchange, routingKey }: OutgoingMessage): Promise<void> {
    const known = this.#options.queues.find((queue) =>
      exchange === ''
        ? queue.name === routingKey
        : queue.exchange?.name === exchange && keyOf(queue) === routingKey,
    )
    // A named exchange is somebody else's: nothing is known of what is behind it.
    if (known === undefined && exchange !== '') return Promise.resolve()
    return once(this.#made, routingKey, async () => {
      await this.#declare(known ?? { name: routingKey })
      this.#made.delete(routingKey)
    })
  }

  async #declare(queue: TaskQueue): Promise<void> {
    await this.#options.broker.declare(queueDeclaration(queue))
  }

  /** What waits at the broker must find its queue afterwards, also where the worker has never heard of delays. */
  async #prepareDelay({ routingKey }: OutgoingMessage): Promise<void> {
    const { prefix, broker, delayQueueType, queues } = this.#options
    const key = undelayedRoutingKey(routingKey)
    const queue = queues.find((each) => keyOf(each) === key) ?? { name: key }
    await once(this.#delayed, key, async () => {
      const [depth] = await broker.depths([queue.name])
      if (depth === undefined) await this.#declare(queue)
      const topology = delayedDeliveryTopology({ prefix, queueType: delayQueueType })
      const binding = delayedDeliveryBinding(queue.name, { prefix, routingKey: key })
      await broker.declare({ ...topology, bindings: [...(topology.bindings ?? []), binding] })
    })
  }
}

const keyOf = ({ name, exchange, routingKey }: TaskQueue): string =>
  exchange === undefined ? name : (routingKey ?? name)

/** What failed is tried again by the next one who asks. */
function once(done: Map<string, Promise<void>>, key: string, work: () => Promise<void>): Promise<void> {
  const known = done.get(key)
  if (known !== undefined) return known
  const started = work().catch((error: unknown) => {
    done.delete(key)
    throw error
  })
  done.set(key, started)
  return started
}

const faults = {
  unroutable: ['BROKER_UNROUTABLE', 'no queue takes the call'],
  rejected: ['BROKER_REJECTED', 'the broker refused the call'],
  unknown: ['BROKER_UNAVAILABLE', 'the broker did not confirm the call; it may have been made'],
} as const

/** Ids in the details of an error at most. */
const shownIds = 20

function notPublished(
  outcome: keyof typeof faults | 'confirmed',
  messages: readonly OutgoingMessage[],
): AppError {
  const [code, text] = faults[outcome === 'confirmed' ? 'unknown' : outcome]
  return new AppError(code, text, {
    details: {
      calls: messages.length,
      task_ids: messages.slice(0, shownIds).map(({ correlationId = '' }) => correlationId),
      exchange: messages[0]?.exchange ?? '',
      routing_key: messages[0]?.routingKey ?? '',
    },
  })
}
