import { randomUUID } from 'node:crypto'
import type { Topology } from '@celeriac/broker'
import { messageOf, type Broker, type Clock, type Delivery, type PublishOutcome } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { z } from 'zod'
import type { ResultPublisher } from '../result-publisher.ts'
import type { RevokedIds } from '../revoked-ids.ts'
import type { LamportClock } from './lamport-clock.ts'
import { NodeQueue } from './node-queue.ts'

export interface MingleOptions {
  readonly nodeName: string
  readonly broker: Broker
  readonly topology: Topology
  readonly publisher: ResultPublisher
  readonly revoked: RevokedIds
  readonly logicalClock: LamportClock
  readonly clock: Clock
  readonly logger: Logger
}

const replySchema = z.record(
  z.string(),
  z.looseObject({
    revoked: z.record(z.string(), z.unknown()).nullish(),
    clock: z.number().nullish(),
  }),
)

/** Milliseconds to wait for an answer of others that are there but do not answer; Celery waits as long in any case. */
const patienceMs = 1_000

/**
 * Asks the other workers what is revoked, as Celery's workers do when they start: the sender of a revocation does not
 * repeat it. All have heard of the same revocations, so the first answer will do; a worker that is alone does not wait.
 */
export class Mingle {
  readonly #options: MingleOptions
  readonly #queue: NodeQueue
  readonly #replyKey = randomUUID()
  readonly #ticket = randomUUID()
  #onAnswer: () => void = () => {}

  constructor(options: MingleOptions) {
    this.#options = options
    const { broker, topology } = options
    this.#queue = new NodeQueue(broker, {
      name: `${topology.prefix}${this.#replyKey}.reply.celery.pidbox`,
      bindings: [{ exchange: topology.controlReplyExchange, routingKey: this.#replyKey }],
    })
  }

  /** Before this worker listens to remote control itself. Tells whether there are others. */
  async start(): Promise<boolean> {
    await this.#queue.listen((delivery) => this.#onReply(delivery))
    return (await this.#greet(randomUUID())) !== 'unroutable'
  }

  /** Once this worker listens to remote control: what others are told from now on, it hears itself. */
  async catchUp(): Promise<void> {
    const { clock, logger } = this.#options
    let cancel = (): void => {}
    const isAnswered = new Promise<boolean>((resolve) => {
      cancel = clock.after(patienceMs, () => resolve(false))
      this.#onAnswer = () => resolve(true)
    })
    await this.#greet(this.#ticket)
    if (!(await isAnswered)) logger.warn('no other worker has told what is revoked')
    cancel()
  }

  async stop(): Promise<void> {
    this.#onAnswer()
    await this.#queue.close()
  }

  #greet(ticket: string): Promise<PublishOutcome> {
    const { nodeName, topology, publisher, revoked, logicalClock } = this.#options
    return publisher.send({
      exchange: topology.controlExchange,
      routingKey: '',
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      headers: { clock: logicalClock.forward(), expires: 0 },
      body: Buffer.from(
        JSON.stringify({
          method: 'hello',
          arguments: { from_node: nodeName, revoked: revoked.byTime() },
          destination: null,
          pattern: null,
          matcher: null,
          ticket,
          reply_to: { exchange: topology.controlReplyExchange, routing_key: this.#replyKey },
        }),
      ),
    })
  }

  #onReply({ body, headers }: Delivery): void {
    const { revoked, logicalClock, logger } = this.#options
    try {
      const replies = replySchema.parse(JSON.parse(Buffer.from(body).toString('utf8')))
      for (const { revoked: theirs, clock } of Object.values(replies)) {
        for (const id of Object.keys(theirs ?? {})) revoked.add(id)
        if (typeof clock === 'number') logicalClock.adjust(clock)
      }
      if (headers?.['ticket'] === this.#ticket) this.#onAnswer()
    } catch (error) {
      logger.warn({ reason: messageOf(error) }, 'the answer of another worker could not be read')
    }
  }
}
