import {
  AppError,
  maxMessageBytes,
  type Delivery,
  type OutgoingMessage,
  type PublishOutcome,
} from '@celeriac/core'
import type { Random } from './random.ts'
import type { Network, SimConnection } from './sim-connection.ts'
import type { SimProcess } from './sim-process.ts'

/** Is told what the server does, when it does it. */
export interface BrokerWatch {
  onPublished(message: OutgoingMessage, process: SimProcess): void
  onAcked(queue: string, message: Pick<Delivery, 'correlationId' | 'type'>): void
  /** A consumer's handler threw; its message stays unacked. */
  onThrown(error: unknown, process: SimProcess): void
}

/** What the server makes of messages in bad weather. */
export interface ServerMood {
  readonly rejectChance: () => number
  readonly repeatChance: () => number
  readonly lossChance: () => number
  /** Until when it takes no messages. */
  readonly blockedUntil: () => number
}

export interface SimBrokerDeps {
  readonly network: Network
  readonly process: SimProcess
  readonly random: Random
  readonly mood: ServerMood
  readonly watch: BrokerWatch
}

export const answerTimeoutMs = 10_000
/** Frames that a batch is sent in at most: the connection may break between them. */
const framesPerBatch = 3

interface Batch {
  readonly messages: readonly OutgoingMessage[]
  readonly outcomes: (PublishOutcome | null)[]
  readonly settle: (outcomes: readonly PublishOutcome[]) => void
  isDone: boolean
}

/** What a process publishes, and what it hears of it. */
export class SimPublisher {
  readonly #deps: SimBrokerDeps
  readonly #waiting: Batch[] = []
  readonly #sent = new Set<Batch>()
  #connection: SimConnection | null = null

  constructor(deps: SimBrokerDeps) {
    this.#deps = deps
  }

  publish(messages: readonly OutgoingMessage[]): Promise<readonly PublishOutcome[]> {
    return new Promise((resolve) => {
      const cancelTimeout = this.#deps.process.after(answerTimeoutMs, 'publish timeout', () =>
        this.#settle(batch),
      )
      const batch: Batch = {
        messages,
        outcomes: messages.map(() => null),
        isDone: false,
        settle: (outcomes) => {
          cancelTimeout()
          resolve(outcomes)
        },
      }
      if (this.#connection === null) this.#waiting.push(batch)
      else this.#send(batch, this.#connection)
    })
  }

  /** There is a connection: what waits is sent. */
  attach(connection: SimConnection): void {
    this.#connection = connection
    for (const batch of this.#waiting.splice(0)) this.#send(batch, connection)
  }

  /** The connection is gone: what was on its way stays without an answer. */
  detach(): void {
    this.#connection = null
    for (const batch of this.#sent) this.#settle(batch)
  }

  stop(): void {
    this.detach()
    for (const batch of this.#waiting.splice(0)) this.#settle(batch)
  }

  #send(batch: Batch, connection: SimConnection): void {
    if (batch.isDone) return
    this.#sent.add(batch)
    const { length } = batch.messages
    const frames = Math.min(length, 1 + this.#deps.random.below(framesPerBatch))
    for (let frame = 0; frame < frames; frame++) {
      const from = Math.floor((length * frame) / frames)
      const to = Math.floor((length * (frame + 1)) / frames)
      connection.up('publish', 'publish', () => this.#arrive(batch, connection, from, to))
    }
  }

  /** At the server. */
  #arrive(batch: Batch, connection: SimConnection, from: number, to: number): void {
    const { mood, network } = this.#deps
    const waitMs = mood.blockedUntil() - network.loop.now
    if (waitMs > 0) {
      network.loop.after(waitMs, null, 'broker unblocked', () => {
        if (connection.isOpenAtServer) this.#arrive(batch, connection, from, to)
      })
      return
    }
    const outcomes = batch.messages.slice(from, to).map((message) => this.#take(message))
    connection.down('publish', 'confirm', () => {
      outcomes.forEach((outcome, index) => (batch.outcomes[from + index] = outcome))
      if (!batch.outcomes.includes(null)) this.#settle(batch)
    })
  }

  #take(message: OutgoingMessage): PublishOutcome {
    const { network, mood, random, watch, process } = this.#deps
    const isBroadcast = message.exchange !== ''
    if (!isBroadcast && random.chance(mood.rejectChance())) return 'rejected'
    if (isBroadcast && message.mandatory === false && random.chance(mood.lossChance())) return 'confirmed'
    const times = !isBroadcast && random.chance(mood.repeatChance()) ? 2 : 1
    let outcome: PublishOutcome = 'unknown'
    for (let time = 0; time < times; time++) {
      outcome = network.server.publish(message)
      if (outcome === 'confirmed') watch.onPublished(message, process)
    }
    return outcome
  }

  /** What has no outcome by now never has one. */
  #settle(batch: Batch): void {
    if (batch.isDone) return
    batch.isDone = true
    this.#sent.delete(batch)
    const index = this.#waiting.indexOf(batch)
    if (index >= 0) this.#waiting.splice(index, 1)
    batch.settle(batch.outcomes.map((outcome) => outcome ?? 'unknown'))
  }
}

/** Throws BROKER_MESSAGE_TOO_LARGE. */
export function assertPublishable(messages: readonly OutgoingMessage[]): void {
  const large = messages.find(({ body }) => body.byteLength > maxMessageBytes)
  if (large !== undefined)
    throw new AppError('BROKER_MESSAGE_TOO_LARGE', 'the message is too large', {
      details: { bytes: large.body.byteLength, limit: maxMessageBytes },
    })
}
