import { buildTopology, type Topology } from '@celeriac/broker'
import { AppError, type Broker, type Clock } from '@celeriac/core'
import { newId, type Logger } from '@celeriac/runtime'
import type { TaskObject, TaskValue } from '../message/task-value.ts'
import { createSerializers, serializerNames, type Serializers } from '../serialization/serializers.ts'
import { LamportClock } from '../worker/node/lamport-clock.ts'
import { encodeControlRequest, type ControlReply, type ControlTarget } from './control-message.ts'
import { ReplyInbox } from './reply-inbox.ts'

export interface ControlRequestsOptions {
  /** Started; asked for with every request. */
  readonly broker: () => Promise<Broker>
  readonly prefix: string
  /** Of requests; answers are read in all formats but pickle. */
  readonly serializer: string
  readonly clock: Clock
  readonly logger: Logger
}

export interface RequestOptions extends ControlTarget {
  /** Seconds in which answers must come: how many nodes there are is not known. @default 1 */
  readonly timeout?: number
  /** Answers after which nothing more is waited for. @default one from each node of `destination` */
  readonly limit?: number
  readonly signal?: AbortSignal
  /** Called with each answer as it comes. */
  readonly onReply?: (node: string, answer: TaskValue) => void
}

/** Answers by node name, in the order in which they came. */
export type Replies<Answer = TaskValue> = ReadonlyMap<string, Answer>

/** Celery's remote control, from the asking side: a command to all nodes, and what they answer. */
export class ControlRequests {
  readonly #options: ControlRequestsOptions
  readonly #topology: Topology
  readonly #serializers: Serializers
  readonly #logicalClock = new LamportClock()
  #declared: Promise<Broker> | null = null
  #inbox: Promise<ReplyInbox> | null = null

  constructor(options: ControlRequestsOptions) {
    this.#options = options
    this.#topology = buildTopology({ prefix: options.prefix })
    this.#serializers = createSerializers({ accept: serializerNames, nonFinite: 'write' })
  }

  /** Resolves when the broker has the command; nobody is asked to answer. @throws AppError BROKER_UNAVAILABLE */
  async broadcast(method: string, given: TaskObject, target: ControlTarget = {}): Promise<void> {
    await this.#send(await this.#broker(), { method, arguments: given, target, replyTo: null, expires: 0 })
  }

  /** Collects answers until the time is over or all have come. @throws AppError BROKER_UNAVAILABLE; the signal's reason */
  async request(method: string, given: TaskObject, options: RequestOptions = {}): Promise<Replies> {
    const { timeout = 1, destination, limit = destination?.length, signal, onReply } = options
    signal?.throwIfAborted()
    const broker = await this.#broker()
    const inbox = await this.#repliesFrom(broker)
    const ticket = newId()
    const answers = new Map<string, TaskValue>()
    const { clock } = this.#options
    let end = (): void => undefined
    const ended = new Promise<void>((resolve) => (end = resolve))
    const ignore = inbox.listen(ticket, (reply) => {
      this.#hear(reply)
      for (const [node, answer] of reply.answers) {
        answers.set(node, answer)
        onReply?.(node, answer)
      }
      if (limit !== undefined && answers.size >= limit) end()
    })
    signal?.addEventListener('abort', end)
    let cancel = (): void => undefined
    try {
      await this.#send(broker, {
        method,
        arguments: given,
        target: options,
        replyTo: { exchange: this.#topology.controlReplyExchange, routingKey: inbox.routingKey, ticket },
        expires: clock.now() / 1_000 + timeout,
      })
      cancel = clock.after(timeout * 1_000, end)
      await ended
      signal?.throwIfAborted()
      return answers
    } finally {
      cancel()
      ignore()
      signal?.removeEventListener('abort', end)
    }
  }

  /** Whatever is waited for gets the answers that have come. */
  async stop(): Promise<void> {
    const inbox = this.#inbox
    this.#inbox = this.#declared = null
    await inbox?.then(
      (started) => started.stop(),
      () => undefined,
    )
  }

  #hear({ clock }: ControlReply): void {
    if (clock !== null) this.#logicalClock.adjust(clock)
  }

  /** The exchanges may not exist yet: no worker has ever run. */
  #broker(): Promise<Broker> {
    this.#declared ??= this.#declare().catch((error: unknown) => {
      this.#declared = null
      throw error
    })
    return this.#declared
  }

  async #declare(): Promise<Broker> {
    const broker = await this.#options.broker()
    const { controlExchange, controlReplyExchange } = this.#topology
    await broker.declare({
      exchanges: [
        { name: controlExchange, type: 'fanout', isDurable: false },
        { name: controlReplyExchange, type: 'direct', isDurable: false },
      ],
    })
    return broker
  }

  #repliesFrom(broker: Broker): Promise<ReplyInbox> {
    const { logger } = this.#options
    const started = async (): Promise<ReplyInbox> => {
      const inbox = new ReplyInbox({
        broker,
        topology: this.#topology,
        serializers: this.#serializers,
        logger,
      })
      await inbox.start()
      return inbox
    }
    this.#inbox ??= started().catch((error: unknown) => {
      this.#inbox = null
      throw error
    })
    return this.#inbox
  }

  async #send(
    broker: Broker,
    request: Omit<Parameters<typeof encodeControlRequest>[1], 'clock'>,
  ): Promise<void> {
    const { serializer } = this.#options
    const { controlExchange } = this.#topology
    const [outcome] = await broker.publish([
      encodeControlRequest(
        controlExchange,
        { ...request, clock: this.#logicalClock.forward() },
        this.#serializers,
        serializer,
      ),
    ])
    // Unroutable: there is no worker. That is an answer, and it is the empty one.
    if (outcome === 'unknown' || outcome === 'rejected')
      throw new AppError(
        'BROKER_UNAVAILABLE',
        'the broker did not confirm the command; it may have been sent',
        {
          details: { method: request.method },
        },
      )
  }
}
